-- Router of node gw-1, federation corp/federation

-- Ends where the image is too old
RunScript("/etc/xmppfed/image-check.lua")({ directory = "/usr/lib/xmppfed/modules", role = "router", node = "gw-1", files = { "mod_xmppfed_dialback.lua", "mod_xmppfed_drain.lua", "mod_xmppfed_incoming.lua", "mod_xmppfed_internal_streams.lua", "mod_xmppfed_lean.lua", "mod_xmppfed_links.lua", "mod_xmppfed_metrics.lua", "mod_xmppfed_outgoing.lua", "mod_xmppfed_own_certificate.lua", "mod_xmppfed_peers.lua", "mod_xmppfed_relay.lua", "mod_xmppfed_settings.lua", "mod_xmppfed_status.lua", "mod_xmppfed_template.lua", "mod_xmppfed_upstream.lua", "mod_xmppfed_upstream_probe.lua", "xmppfed_json_log.lua", "xmppfed_prepared_addresses.lua", "xmppfed_stream.lua" } })

-- Logs: JSON lines on standard output, from the first line on
RunScript("/usr/lib/xmppfed/modules/xmppfed_json_log.lua")({ role = "router", node = "gw-1" })
log = { { to = "xmppfed_json", levels = { min = "info" } } }

-- Files: nothing is stored
data_path = "/var/lib/xmppfed"
plugin_paths = { "/usr/lib/xmppfed/modules" }
default_storage = "memory"

-- Speed: the content of stanzas stays bytes; Prosody's default collector takes half of its CPU
RunScript("/usr/lib/xmppfed/modules/xmppfed_stream.lua")
RunScript("/usr/lib/xmppfed/modules/xmppfed_prepared_addresses.lua")
gc = { mode = "incremental", threshold = 200, speed = 200 }
network_settings = { nagle = false, read_size = 65536, connect_timeout = 5, max_send_buffer_size = 8388608, tcp_backlog = 1024 }
network_default_read_size = 65536

-- HTTP: /ready, /live, /status
http_interfaces = { "*", "::" }
http_ports = { 9270 }
https_ports = {}

-- This node
xmppfed_role = "router"
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
xmppfed_limits = { stanzaBytes = 524288, incomingStreams = 2500, outgoingStreams = 2500, unauthenticatedStreams = 1000, unauthenticatedStreamsPerAddress = 1000, handshakeSeconds = 30 }
s2s_timeout = 30
certificates = "/run/xmppfed/certificate"
xmppfed_link_tls = { directory = "/run/xmppfed/link", name = "links.federation.corp.xmppfed.invalid" }
ssl = { certificate = "/run/xmppfed/certificate/tls.crt", key = "/run/xmppfed/certificate/tls.key" }

-- Streams with the internal server. It identifies itself, and every remote domain to itself, by dialback:
-- no certificate of ours could speak for a remote domain. TLS is used where the internal server has it.
s2s_interfaces = { "*", "::" }
s2s_ports = { 5270 }
s2s_require_encryption = false
s2s_secure_auth = false
dialback_secret = Credential("dialback-secret")

-- Links to the federation connection managers
xmppfed_links = { host = "federation-links.corp.svc.cluster.local", port = 5275 }
xmppfed_link_secret = Credential("link-secret")
xmppfed_upstreams = { ["example.lab"] = { host = "ejabberd.corp.svc.cluster.local", port = 5269 }, ["conference.example.lab"] = { host = "ejabberd.corp.svc.cluster.local", port = 5269 } }
xmppfed_template_host = "remote-domain.invalid"
-- The addresses of the links name change with the pods, and are looked up all the time: nothing is remembered
unbound = { resolvconf = true, options = { ["infra-host-ttl:"] = "2", ["infra-cache-max-rtt:"] = "2000", ["cache-max-ttl:"] = "0", ["cache-max-negative-ttl:"] = "0" } }

modules_enabled = { "http", "tls", "dialback", "xmppfed_drain", "xmppfed_lean", "xmppfed_links", "xmppfed_metrics", "xmppfed_own_certificate", "xmppfed_settings", "xmppfed_status", "xmppfed_upstream_probe" }

-- Prosody does not start without a VirtualHost. This one serves nobody.
VirtualHost "placeholder.invalid"
	authentication = "anonymous"
	modules_disabled = { "presence", "message", "iq", "offline", "c2s", "s2s", "tls", "saslauth", "dialback" }

-- Every remote domain, see mod_xmppfed_any_domain
Component "remote-domain.invalid" "xmppfed_template"
	modules_enabled = { "xmppfed_dialback", "xmppfed_internal_streams", "xmppfed_relay", "xmppfed_upstream", "xmppfed_peers", "xmppfed_incoming", "xmppfed_outgoing" }
