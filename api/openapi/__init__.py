"""The OpenAPI 3.1 document of this API, as data: schemas of what is sent and answered, and the paths that use them."""
