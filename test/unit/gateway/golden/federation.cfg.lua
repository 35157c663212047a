-- Federation connection manager of node gw-1, federation corp/federation

-- Ends where the image is too old
RunScript("/etc/xmppfed/image-check.lua")({ directory = "/usr/lib/xmppfed/modules", role = "federation", node = "gw-1", files = { "mod_xmppfed_dialback.lua", "mod_xmppfed_drain.lua", "mod_xmppfed_idle.lua", "mod_xmppfed_incoming.lua", "mod_xmppfed_lean.lua", "mod_xmppfed_link_port.lua", "mod_xmppfed_metrics.lua", "mod_xmppfed_outgoing.lua", "mod_xmppfed_own_certificate.lua", "mod_xmppfed_peer_incoming.lua", "mod_xmppfed_peer_outgoing.lua", "mod_xmppfed_peer_security.lua", "mod_xmppfed_peers.lua", "mod_xmppfed_policy.lua", "mod_xmppfed_rates.lua", "mod_xmppfed_routers.lua", "mod_xmppfed_second_try.lua", "mod_xmppfed_settings.lua", "mod_xmppfed_status.lua", "xmppfed_encryption_by_peer.lua", "xmppfed_json_log.lua", "xmppfed_prepared_addresses.lua", "xmppfed_stream.lua" } })

-- Logs: JSON lines on standard output, from the first line on
RunScript("/usr/lib/xmppfed/modules/xmppfed_json_log.lua")({ role = "federation", node = "gw-1" })
log = { { to = "xmppfed_json", levels = { min = "info" } } }

-- Files: nothing is stored
data_path = "/var/lib/xmppfed"
plugin_paths = { "/usr/lib/xmppfed/modules" }
default_storage = "memory"

-- Speed: the content of stanzas stays bytes; Prosody's default collector takes half of its CPU
RunScript("/usr/lib/xmppfed/modules/xmppfed_stream.lua")
RunScript("/usr/lib/xmppfed/modules/xmppfed_prepared_addresses.lua")
gc = { mode = "incremental", threshold = 200, speed = 200 }
network_settings = { nagle = false, read_size = 65536, connect_timeout = 20, max_send_buffer_size = 8388608, tcp_backlog = 1024 }
network_default_read_size = 65536

-- HTTP: /ready, /live, /status
http_interfaces = { "*", "::" }
http_ports = { 9269 }
https_ports = {}

-- This node
xmppfed_role = "federation"
xmppfed_node = "gw-1"
xmppfed_certificate = "/run/xmppfed/certificate/tls.crt"
xmppfed_settings_directory = "/run/xmppfed/settings"
xmppfed_dialback_directory = "/run/xmppfed/dialback"
xmppfed_deregistration = 5
xmppfed_drain_limit = 30
xmppfed_link_limit = 25
s2s_close_timeout = 30
s2s_stanza_size_limit = 524288
s2s_send_queue_size = 1
xmppfed_limits = { stanzaBytes = 524288, incomingStreams = 2500, outgoingStreams = 2500, unauthenticatedStreams = 1000, unauthenticatedStreamsPerAddress = 250, handshakeSeconds = 60 }
s2s_timeout = 60
certificates = "/run/xmppfed/certificate"
xmppfed_link_tls = { directory = "/run/xmppfed/link", name = "links.federation.corp.xmppfed.invalid" }
ssl = { certificate = "/run/xmppfed/certificate/tls.crt", key = "/run/xmppfed/certificate/tls.key", ciphers = "ECDHE+AESGCM:ECDHE+CHACHA20" }

-- Streams with peers
s2s_interfaces = { "*", "::" }
s2s_ports = { 5269 }
-- What is demanded of each peer is decided by mod_xmppfed_peer_security. An image that lacks it must not let everybody
-- in: it lacks this script too, and does not start.
RunScript("/usr/lib/xmppfed/modules/xmppfed_encryption_by_peer.lua")
s2s_require_encryption = false
s2s_secure_auth = false
dialback_secret = Credential("dialback-secret")
-- A peer's domain that is not there is asked for again after a minute
unbound = { resolvconf = true, options = { ["infra-host-ttl:"] = "2", ["infra-cache-max-rtt:"] = "2000", ["cache-max-negative-ttl:"] = "60" } }

-- Links from the routers: over TLS, so not on mod_component's own port
component_ports = {}
xmppfed_link_interfaces = { "*", "::" }
xmppfed_link_port = 5275
component_stanza_size_limit = 8388608
component_secret = Credential("link-secret")

modules_enabled = { "http", "tls", "saslauth", "dialback", "xmppfed_drain", "xmppfed_lean", "xmppfed_link_port", "xmppfed_metrics", "xmppfed_own_certificate", "xmppfed_settings", "xmppfed_status" }

-- Prosody does not start without a VirtualHost. This one serves nobody.
VirtualHost "placeholder.invalid"
	authentication = "anonymous"
	modules_disabled = { "presence", "message", "iq", "offline", "c2s", "s2s", "tls", "saslauth", "dialback" }

-- The local domains
Component "example.lab" "component"
	modules_enabled = { "xmppfed_dialback", "xmppfed_idle", "xmppfed_incoming", "xmppfed_outgoing", "xmppfed_peer_incoming", "xmppfed_peer_outgoing", "xmppfed_peer_security", "xmppfed_peers", "xmppfed_policy", "xmppfed_rates", "xmppfed_routers", "xmppfed_second_try" }
Component "conference.example.lab" "component"
	modules_enabled = { "xmppfed_dialback", "xmppfed_idle", "xmppfed_incoming", "xmppfed_outgoing", "xmppfed_peer_incoming", "xmppfed_peer_outgoing", "xmppfed_peer_security", "xmppfed_peers", "xmppfed_policy", "xmppfed_rates", "xmppfed_routers", "xmppfed_second_try" }
