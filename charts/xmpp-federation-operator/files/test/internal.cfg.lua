-- The internal server of the federation: an XMPP server as anybody's, on a port that leaves 5269 to the peer.
data_path = "/tmp/internal"
certificates = "/tmp/internal"
pidfile = "/tmp/internal/prosody.pid"
plugin_paths = { "/etc/xmppfed-test" }
log = { info = "/tmp/internal/log" }
ssl = { certificate = "/tmp/internal/tls.crt", key = "/tmp/internal/tls.key" }
s2s_ports = { 5270 }
c2s_ports = {}
s2s_require_encryption = false
s2s_secure_auth = false
modules_enabled = { "tls", "dialback", "s2s" }
modules_disabled = { "c2s" }
VirtualHost(ENV_TEST_DOMAIN)
	modules_enabled = { "xmppfed_test" }
