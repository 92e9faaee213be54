"""The build of MLX that fits a machine."""

import pytest

from deploy.mlx_build import Machine, NoBuild, choose, parse_nvidia


@pytest.mark.parametrize(
    ("machine", "build"),
    [
        (Machine("darwin", "arm64", macos=(15, 1)), "metal"),
        (Machine("linux", "x86_64", glibc=(2, 36)), "cpu"),
        (Machine("linux", "aarch64", glibc=(2, 39)), "cpu"),
        (Machine("linux", "x86_64", glibc=(2, 36), nvidia_driver=(580, 65, 6), compute_capability=(9, 0)), "cuda13"),
        (Machine("linux", "x86_64", glibc=(2, 36), nvidia_driver=(570, 124), compute_capability=(8, 9)), "cuda12"),
        (Machine("linux", "x86_64", glibc=(2, 36), nvidia_driver=(550, 54, 14), compute_capability=(7, 5)), "cuda12"),
        (Machine("linux", "x86_64", glibc=(2, 36), nvidia_driver=(535, 183), compute_capability=(8, 0)), "cpu"),
        (Machine("linux", "x86_64", glibc=(2, 36), nvidia_driver=(580, 65), compute_capability=(7, 0)), "cpu"),
        (Machine("linux", "x86_64", glibc=(2, 36), nvidia_driver=(580, 65), compute_capability=(12, 0)), "cuda13"),
    ],
)
def test_the_build_follows_the_system_and_the_driver(machine: Machine, build: str) -> None:
    assert choose(machine) == build


@pytest.mark.parametrize(
    "machine",
    [
        Machine("darwin", "x86_64", macos=(15,)),
        Machine("darwin", "arm64", macos=(13, 6)),
        Machine("linux", "x86_64", glibc=(2, 31)),
        Machine("linux", "x86_64"),
    ],
)
def test_a_machine_that_mlx_does_not_run_on_is_told_of_the_way_without_it(machine: Machine) -> None:
    with pytest.raises(NoBuild, match="MLX=none"):
        choose(machine)


@pytest.mark.parametrize(
    ("answer", "facts"),
    [
        ("580.65.06, 9.0\n580.65.06, 9.0\n", ((580, 65, 6), (9, 0))),
        ("", ((), ())),
        ("Failed to initialize NVML: Driver/library version mismatch\n", ((), ())),
        ("535.183.01, [N/A]\n", ((535, 183, 1), ())),
    ],
)
def test_the_driver_s_answer_is_read_for_its_first_gpu(
    answer: str, facts: tuple[tuple[int, ...], tuple[int, ...]]
) -> None:
    assert parse_nvidia(answer) == facts
