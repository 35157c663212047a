-- Both roles, global: GET /metrics in OpenMetrics text format 1.0.0.
--
-- Nothing here costs anything per stanza: other modules count what they do, and the rest is looked up when it is asked
-- for. Prosody's own statistics measure every event and every label that a peer makes up, and are off.
--
-- Labels have fixed sets of values, but for `peer`: the names of as many peers as mod_xmppfed_peer_counts bounds, or
-- "other".
--
-- Options: xmppfed_role, xmppfed_node

module:set_global();
module:depends("http");

local modulemanager = require "prosody.core.modulemanager";

local role = module:get_option_enum("xmppfed_role", "router", "federation");
local node = module:get_option_string("xmppfed_node");
local backlog = module:depends("xmppfed_backlog");
local incoming = module:depends("xmppfed_incoming");
local limits = module:depends("xmppfed_limits").limits;
local outgoing = module:depends("xmppfed_outgoing");
local peers = module:depends("xmppfed_peers");
local rates = role == "federation" and module:depends("xmppfed_rates");
local idle = role == "federation" and module:depends("xmppfed_idle");
local status = module:depends("xmppfed_status");
local email_addresses = module:get_option_string("xmppfed_email_addresses_directory") and module:depends("xmppfed_email_addresses");
local peer_counts = role == "federation" and module:depends("xmppfed_peer_counts");
local page_size = 4096; -- bytes, of /proc/self/statm on x64 and arm64 as Debian builds its kernels

-- FAILURES, AND BYTES OF STREAMS THAT ARE GONE ------------------------------------------------------------------------

local failures = { incoming = {}, outgoing = {} }; -- direction -> cause -> count
local gone = { received = 0, sent = 0 }; -- bytes

-- Bytes of a connection, inside TLS where it has TLS; what was before STARTTLS is not in them
local function bytes_of(conn)
	local socket = conn and conn.conn;
	if not socket or not socket.getstats then return 0, 0; end
	local ok, received, sent = pcall(socket.getstats, socket);
	return ok and tonumber(received) or 0, ok and tonumber(sent) or 0;
end

module:hook("s2s-destroyed", function (event)
	local received, sent = bytes_of(event.session.conn);
	gone.received, gone.sent = gone.received + received, gone.sent + sent;
end);

module:hook("xmppfed-stream-failed", function (failure)
	local counts = failures[failure.direction];
	counts[failure.cause] = (counts[failure.cause] or 0) + 1;
end);

-- TEXT ----------------------------------------------------------------------------------------------------------------

local function escape(text)
	return (text:gsub('[\\"\n]', { ["\\"] = "\\\\", ['"'] = '\\"', ["\n"] = "\\n" }));
end

local function number(value)
	return math.type(value) == "integer" and ("%d"):format(value) or ("%.6g"):format(value);
end

local family_methods = {};
local family_mt = { __index = family_methods };

-- One sample. Labels are pairs: name, value, name, value.
function family_methods:add(value, ...)
	local labels = {};
	for i = 1, select("#", ...), 2 do
		local name, text = select(i, ...);
		table.insert(labels, ('%s="%s"'):format(name, escape(text)));
	end
	table.insert(self.lines, ("%s%s%s %s"):format(self.name, self.suffix, labels[1] and "{"..table.concat(labels, ",").."}" or "", number(value)));
end

local suffixes = { counter = "_total", info = "_info", gauge = "" };

local function family(lines, name, kind, help, unit)
	table.insert(lines, ("# TYPE %s %s"):format(name, kind));
	if unit then table.insert(lines, ("# UNIT %s %s"):format(name, unit)); end
	table.insert(lines, ("# HELP %s %s"):format(name, help));
	return setmetatable({ lines = lines, name = name, suffix = suffixes[kind] }, family_mt);
end

local function sorted(counts)
	local names = {};
	for name in pairs(counts) do table.insert(names, name); end
	table.sort(names);
	local i = 0;
	return function ()
		i = i + 1;
		return names[i], counts[names[i]];
	end
end

-- WHAT IS TOLD --------------------------------------------------------------------------------------------------------

-- Each domain's module with the links of the federation connection manager
local function routers_modules()
	local list = {};
	for domain in pairs(prosody.hosts) do
		local routers = modulemanager.get_module(domain, "xmppfed_routers");
		if routers then table.insert(list, routers); end
	end
	return list;
end

local function add_counts(to, counts)
	for name, count in pairs(counts) do to[name] = (to[name] or 0) + count; end
end

-- What was handed to streams and to links, by kind; and what was answered with an error, by condition
local function stanzas()
	local links, refused_for_links = {}, {};
	for _, module in ipairs(role == "router" and { modulemanager.get_module("*", "xmppfed_relay") } or routers_modules()) do
		add_counts(links, module.sent);
		add_counts(refused_for_links, module.refused);
	end
	-- Streams of the router are those with the internal server
	if role == "router" then return { ["in"] = outgoing.sent, out = links }, { ["in"] = outgoing.refused, out = refused_for_links }; end
	return { out = outgoing.sent, ["in"] = links }, { out = outgoing.refused, ["in"] = refused_for_links };
end

local function link_states(links)
	local counts = { Up = 0, Withdrawn = 0, Draining = 0, Down = 0 };
	for _, link in ipairs(links) do counts[link.state] = counts[link.state] + 1; end
	return counts;
end

local function streams()
	local counts = { incoming = { Negotiating = 0, Authenticated = 0 }, outgoing = { Negotiating = 0, Authenticated = 0 } };
	local received, sent, queued = gone.received, gone.sent, 0;
	peers.each(function (session)
		local direction = counts[session.direction];
		local state = (session.type == "s2sin" or session.type == "s2sout") and "Authenticated" or "Negotiating";
		direction[state] = direction[state] + 1;
		local r, s = bytes_of(session.conn);
		received, sent = received + r, sent + s;
		queued = queued + (session.sendq and session.sendq:count() or 0);
	end);
	return counts, received, sent, queued;
end

local function resident_bytes()
	local file = io.open("/proc/self/statm");
	local pages = file and file:read("*a"):match("^%d+ (%d+)");
	if file then file:close(); end
	return pages and math.tointeger(tonumber(pages)) * page_size;
end

local function tell_peers(lines)
	local report = peer_counts.report();
	local streams = family(lines, "xmppfed_peer_streams", "gauge", "Authenticated streams, by peer, direction and how the servers identified each other.");
	for peer, told in sorted(report) do
		for direction, counts in sorted(told.streams) do
			for authentication, count in sorted(counts) do streams:add(count, "peer", peer, "direction", direction, "authentication", authentication); end
		end
	end
	local stanzas = family(lines, "xmppfed_peer_stanzas", "counter", "Stanzas from a peer (incoming) and to it (outgoing).");
	for peer, told in sorted(report) do
		for direction, count in sorted(told.stanzas) do stanzas:add(count, "peer", peer, "direction", direction); end
	end
	local failed = family(lines, "xmppfed_peer_failures", "counter", "Streams that failed, by peer, direction and cause.");
	for peer, told in sorted(report) do
		for direction, causes in sorted(told.failures) do
			for cause, count in sorted(causes) do failed:add(count, "peer", peer, "direction", direction, "cause", cause); end
		end
	end
	local expiry = family(lines, "xmppfed_peer_certificate_not_after_timestamp_seconds", "gauge", "When the certificate of a peer expires.", "seconds");
	for peer, told in sorted(report) do
		if told.not_after then expiry:add(told.not_after, "peer", peer); end
	end
end

local function tell_email_addresses(lines)
	local report = email_addresses.report();
	family(lines, "xmppfed_email_addresses", "gauge", "Users who have an email address."):add(report.mappings);
	family(lines, "xmppfed_email_addresses_current", "gauge", "Whether the newest mapping of email addresses is in force (1) or cannot be used (0)."):add(report.failure and 0 or 1);
	local f = family(lines, "xmppfed_email_addresses_refused", "counter", "Stanzas that were not handed on because of email addresses, by reason.");
	for reason, count in sorted(email_addresses.refused) do f:add(count, "reason", reason); end
end

local function render()
	local lines = {};
	family(lines, "xmppfed_gateway", "info", "What this process is."):add(1, "role", role, "node", node, "version", prosody.version);

	local ready, links = status.readiness();
	family(lines, "xmppfed_ready", "gauge", "Whether the process is ready (1) or not (0)."):add(ready.ready and 1 or 0);

	local counts, received, sent, queued = streams();
	local f = family(lines, "xmppfed_streams", "gauge", "XMPP streams by direction and state.");
	for direction, states in sorted(counts) do
		for state, count in sorted(states) do f:add(count, "direction", direction, "state", state); end
	end
	f = family(lines, "xmppfed_streams_limit", "gauge", "XMPP streams that there may be, by direction.");
	f:add(limits.incomingStreams, "direction", "incoming");
	f:add(limits.outgoingStreams, "direction", "outgoing");
	f = family(lines, "xmppfed_stream_bytes", "counter", "Bytes of XMPP streams, inside TLS where it is used.", "bytes");
	f:add(received, "direction", "received");
	f:add(sent, "direction", "sent");
	f = family(lines, "xmppfed_stream_failures", "counter", "Streams that failed, by direction and cause.");
	for direction, causes in sorted(failures) do
		for cause, count in sorted(causes) do f:add(count, "direction", direction, "cause", cause); end
	end
	f = family(lines, "xmppfed_connections_refused", "counter", "Incoming connections that were refused because there were too many, by bound.");
	for bound, count in sorted(incoming.refused) do f:add(count, "bound", bound); end
	if rates then
		f:add(rates.refused, "bound", "rate");
		family(lines, "xmppfed_streams_slowed", "counter", "Times that a peer's stream was not read for a while, because of the rate of its stanzas."):add(rates.slowed);
		family(lines, "xmppfed_streams_ended_idle", "counter", "Streams that were ended because nothing went over them."):add(idle.closed);
	end

	local forwarded, refused = stanzas();
	f = family(lines, "xmppfed_stanzas", "counter", "Stanzas handed on: out, towards peers; in, towards the internal server.");
	for direction, kinds in sorted(forwarded) do
		for _, kind in ipairs { "iq", "message", "presence" } do f:add(kinds[kind] or 0, "direction", direction, "kind", kind); end
	end
	f = family(lines, "xmppfed_stanzas_refused", "counter", "Stanzas answered with an error by this process, by direction and condition.");
	for direction, conditions in sorted(refused) do
		for condition, count in sorted(conditions) do f:add(count, "direction", direction, "condition", condition); end
	end

	if role == "federation" then
		local policy = modulemanager.get_module("*", "xmppfed_policy");
		f = family(lines, "xmppfed_policy_decisions", "counter", "Stanzas by what the policy says of them; WouldDeny: let through by Audit. Without a policy none is counted.");
		for direction, counts in sorted(policy.decisions) do
			for decision, count in sorted(counts) do f:add(count, "direction", direction, "decision", decision); end
		end
		family(lines, "xmppfed_policy_refused_streams", "counter", "Streams of peers that were refused or closed by the policy."):add(policy.refused_streams);
	end

	f = family(lines, "xmppfed_links", "gauge", "Links by state.");
	for state, count in sorted(link_states(links)) do f:add(count, "state", state); end

	local waiting = backlog.report();
	family(lines, "xmppfed_queued_stanzas", "gauge", "Stanzas that wait for a stream to come to be."):add(queued);
	f = family(lines, "xmppfed_backlog_bytes", "gauge", "Bytes that wait: for a stream to come to be, or for a connection to take them.", "bytes");
	f:add(waiting.queued, "for", "stream");
	f:add(waiting.buffered, "for", "connection");
	family(lines, "xmppfed_backlog_limit_bytes", "gauge", "Bytes that may wait in all.", "bytes"):add(waiting.limit);
	family(lines, "xmppfed_partial_stanza_bytes", "gauge", "Bytes of stanzas that have begun to come in and not ended.", "bytes"):add(incoming.report().partial);

	if peer_counts then tell_peers(lines); end

	if role == "router" then
		local domains = modulemanager.get_module("*", "xmppfed_any_domain").report();
		family(lines, "xmppfed_remote_domains", "gauge", "Remote domains in use."):add(domains.inUse);
		family(lines, "xmppfed_remote_domains_limit", "gauge", "Remote domains that may be in use."):add(domains.limit);
		local reachable, unreachable = 0, 0;
		for _, upstream in ipairs(modulemanager.get_module("*", "xmppfed_upstream_probe").report()) do
			if upstream.reachable then reachable = reachable + 1; else unreachable = unreachable + 1; end
		end
		f = family(lines, "xmppfed_upstreams", "gauge", "Local domains by whether their internal server is reached.");
		f:add(reachable, "state", "Reachable");
		f:add(unreachable, "state", "Unreachable");
		if email_addresses then tell_email_addresses(lines); end
	end

	family(lines, "xmppfed_lua_heap_bytes", "gauge", "Memory that Lua holds.", "bytes"):add(math.floor(collectgarbage("count") * 1024));
	family(lines, "process_cpu_seconds", "counter", "CPU time of the process.", "seconds"):add(os.clock());
	local resident = resident_bytes();
	if resident then family(lines, "process_resident_memory_bytes", "gauge", "Resident memory of the process.", "bytes"):add(resident); end
	family(lines, "process_start_time_seconds", "gauge", "Start of the process since the epoch.", "seconds"):add(math.floor(prosody.start_time));
	table.insert(lines, "# EOF\n");
	return table.concat(lines, "\n");
end

module:provides("http", {
	default_path = "/metrics";
	cors = { enabled = false };
	route = {
		GET = function (event)
			event.response.headers.content_type = "application/openmetrics-text; version=1.0.0; charset=utf-8";
			return render();
		end;
	};
});
