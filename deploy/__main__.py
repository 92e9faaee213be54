"""`python -m deploy` is `pensieve`."""

from deploy.cli import main

if __name__ == "__main__":
    main()
