"""The HTTP API. Endpoints are declared once; routes, checks, errors and OpenAPI follow from the declarations."""
