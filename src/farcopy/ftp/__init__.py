"""Floor 3: the remote over FTP and FTPS. The only room that knows sockets."""
