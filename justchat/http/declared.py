"""Every call that the package declares, without the daemon that serves them."""

import importlib
import inspect
import pkgutil

import justchat.http.calls
from justchat.http.endpoint import Endpoint, endpoints_of


def all_declared() -> list[Endpoint]:
    """Every call that a module of ``justchat.http.calls`` declares. The endpoints have no instance: call none."""
    areas = [
        area
        for module in pkgutil.iter_modules(justchat.http.calls.__path__, f"{justchat.http.calls.__name__}.")
        for _, area in inspect.getmembers(importlib.import_module(module.name), inspect.isclass)
        if area.__module__ == module.name
    ]
    return [endpoint for area in areas for endpoint in endpoints_of(object.__new__(area))]
