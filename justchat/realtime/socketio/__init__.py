"""Socket.IO: clients from 1.x to 4.x, bound to sessions in the same registry as raw WebSockets.

From below: ``packets`` parses what clients send; ``transport`` is what carries packets; ``client`` is one Socket.IO
client; ``session`` is the Engine.IO session beneath it; ``polling`` and ``websocket`` are the two transports;
``resource`` is ``/socket.io/``. Each imports only what stands before it.
"""
