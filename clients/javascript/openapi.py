"""Prints the OpenAPI document of the checkout, of which the client's types are made. No daemon runs for it."""

import json

from justchat.config.limits import Limits
from justchat.http.declared import all_declared
from justchat.http.openapi import openapi

print(json.dumps(openapi(all_declared(), Limits(), "0"), indent=1))
