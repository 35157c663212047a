-- The peer: an XMPP server that finds the federation by its SRV record and wants TLS.
data_path = "/tmp/peer"
certificates = "/tmp/peer"
pidfile = "/tmp/peer/prosody.pid"
plugin_paths = { "/etc/xmppfed-test" }
log = { info = "/tmp/peer/log" }
ssl = { certificate = "/tmp/peer/tls.crt", key = "/tmp/peer/tls.key" }
s2s_ports = { 5269 }
c2s_ports = {}
s2s_require_encryption = true
s2s_secure_auth = false
modules_enabled = { "tls", "dialback", "s2s" }
modules_disabled = { "c2s" }
VirtualHost(ENV_TEST_PEER)
	modules_enabled = { "xmppfed_echo" }
