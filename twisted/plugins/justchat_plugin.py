from twisted.application.service import ServiceMaker

justchat = ServiceMaker("JustChat", "justchat.tap", "A chat back end: HTTP API and WebSocket over MongoDB.", "justchat")
