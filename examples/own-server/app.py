"""An app's own server beside JustChat: its users, their tokens, a webhook that greets, a hook that rejects a word."""

import os
import time

import jwt
import requests
from flask import Flask, jsonify, request
from standardwebhooks import Webhook

CHAT = os.environ.get("CHAT", "http://127.0.0.1:4000")  # where JustChat is
SERVER_KEY = os.environ["SERVER_KEY"]  # of "justchat-admin keys add"
TOKEN_SECRET = os.environ["TOKEN_SECRET"]  # signs the tokens; in the settings of JustChat, too
HOOK_SECRET = os.environ["HOOK_SECRET"]  # signs the requests of JustChat
USERS = {"anna": "anna's password", "boris": "boris's password"}

app = Flask(__name__, static_url_path="")


def chat(path, **body):
    """Call JustChat as its app's server."""
    answer = requests.post(CHAT + path, json=body, headers={"Authorization": f"Bearer {SERVER_KEY}"}, timeout=10)
    answer.raise_for_status()
    return answer.json()["data"]


def verified():
    """What JustChat says, if it is JustChat."""
    return Webhook(HOOK_SECRET).verify(request.get_data(), request.headers)


@app.get("/")
def page():
    return app.send_static_file("index.html")


@app.post("/sign-in")
def sign_in():
    name = request.json["name"]
    if USERS.get(name) != request.json["password"]:
        return jsonify(error="wrong name or password"), 401
    claims = {"iss": "own-server", "aud": "chat", "sub": name, "exp": time.time() + 60}
    return jsonify(chat=CHAT, jwt=jwt.encode(claims, TOKEN_SECRET, "HS256"))


@app.post("/events")
def events():
    event = verified()
    if event["type"] == "user.new":
        host = chat("/server/users/upsert", external_id="host", nickname="The host")["user"]
        user = event["data"]
        if user["_id"] != host["_id"]:  # an event may come twice, and greets once
            text, greeting = "Welcome! Write me if you need anything.", f"greeting-{user['_id']}"
            chat("/server/messages/send", to=user["_id"], author=host["_id"], text=text, client_id=greeting)
    return "", 204


@app.post("/before-message")
def before_message():
    if "spam" in verified()["data"]["text"].lower():
        return jsonify(action="reject", detail="No spam here.")
    return jsonify(action="allow")
