"""The process and its machine: mongod, systemd, files, sockets, memory."""
