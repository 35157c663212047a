-- Both roles, global: bounds what the other side of incoming connections can make this process hold.
--
-- Past a bound a new connection is closed with resource-constraint; who is there already is served on.
--
-- Past `unauthenticatedStreamsPerAddress` there must be room for peers that come through one address (a load balancer that
-- hides theirs).
--
-- Options:
--   xmppfed_domains_per_stream (integer)              domains that a peer may authenticate on one stream (50)
--   xmppfed_partial_total (bytes)                     of stanzas that have begun and not ended, in all (32 MiB)
--   s2s_max_child_elements (integer)                  elements in a stanza (10000). Prosody 13.0.1 does not apply it
-- All else: mod_xmppfed_limits

module:set_global();

local st = require "prosody.util.stanza";
local monotonic = require "prosody.util.time".monotonic;
local timer = require "prosody.util.timer";
local limits = module:depends("xmppfed_limits").limits;
local backlog = module:depends("xmppfed_backlog");
local outgoing = module:depends("xmppfed_outgoing");
local cut = module:require "xmppfed_link".cut;

local domains_per_stream = module:get_option_integer("xmppfed_domains_per_stream", 50, 1);
local partial_limit = module:get_option_integer("xmppfed_partial_total", 32 * 1024 * 1024, 1);
local max_elements = module:get_option_integer("s2s_max_child_elements", 10000, 1);
local unauthenticated_elements = 200;
local small_partial = 16 * 1024; -- bytes; a stream with less is never closed for what others hold
local link_handshake_limit = 10; -- seconds
local log_every = 100; -- connections that are refused
local closing_limit = 5; -- seconds for the other side to end a connection that was closed

local incoming, unauthenticated, partial = 0, 0, 0;
local counted = {}; -- connection -> its address while it is not authenticated, then true
local by_address = {}; -- address -> connections from there that are not authenticated
refused = { incoming = 0, unauthenticated = 0, address = 0 }; -- connections, for the metrics

local function leave_unauthenticated(conn)
	local address = counted[conn];
	if not address or address == true then return; end
	counted[conn] = true;
	unauthenticated = unauthenticated - 1;
	by_address[address] = by_address[address] > 1 and by_address[address] - 1 or nil;
end

-- Keeps count of the bytes of a stanza that has begun and not ended (xmppfed_stream.lua). Blanks between stanzas are not
-- held and do not count, or whoever sends enough of them could have the streams of others closed. What waits to be written
-- on an incoming stream are answers to dialback, which others can ask for without end and never read.
local function watch(session)
	local data = session.data;
	session.xmppfed_partial = 0;
	function session.data(chunk)
		-- Between <starttls/> and the handshake: whoever is in the middle could put it before what is said inside TLS, and
		-- Prosody would take it for that.
		if session.secure == false and not session.conn:ssl() then
			session:close({ condition = "policy-violation", text = "After <starttls/> comes TLS and nothing else" });
			return;
		end
		data(chunk);
		if session.destroyed then return; end -- s2s-destroyed has taken its part off
		local now = session.stream.held();
		partial, session.xmppfed_partial = partial + now - session.xmppfed_partial, now;
		if partial > partial_limit and now > small_partial then
			session.log("warn", "Closed the stream of %s at %s: too much of stanzas that do not end", session.from_host, session.ip);
			session:close({ condition = "resource-constraint", text = "Too much of stanzas that do not end is held" });
		elseif backlog.is_stalled(session.conn) then
			session.log("warn", "Closed the stream of %s at %s: it does not read what it is answered", session.from_host, session.ip);
			session:close({ condition = "resource-constraint", text = "Too many answers wait to be read" });
		end
	end
end

module:hook("s2s-created", function (event)
	local session = event.session;
	session.stream:set_stanza_size_limit(session.stanza_size_limit or 10000, unauthenticated_elements);
	if session.direction == "incoming" then watch(session); end
end, -100);

local function on_established(event)
	local session = event.session;
	leave_unauthenticated(session.conn);
	session.stanza_size_limit = limits.stanzaBytes;
	session.stream:set_stanza_size_limit(session.stanza_size_limit, max_elements);
end
module:hook("s2sin-established", on_established);
module:hook("s2sout-established", on_established);

-- In place of mod_s2s's own timer, whose time cannot change
local function watch_handshake(session)
	timer.stop(session.connect_timeout);
	session.connect_timeout = timer.add_task(limits.handshakeSeconds, function ()
		if session.type == "s2sin_unauthed" or session.type == "s2sout_unauthed" then session:close("connection-timeout"); end
	end);
end

-- Why one more connection from an address is not taken: the name of the bound, and what its peer is told
local function past_bound(address)
	if incoming >= limits.incomingStreams then return "incoming", "too many incoming streams"; end
	if unauthenticated >= limits.unauthenticatedStreams then
		return "unauthenticated", "too many incoming streams that are not authenticated";
	end
	if (by_address[address] or 0) >= limits.unauthenticatedStreamsPerAddress then
		return "address", "too many incoming streams from this address that are not authenticated";
	end
end

module:hook("s2s-connected", function (event)
	local session = event.session;
	watch_handshake(session);
	if session.direction ~= "incoming" then return; end
	local conn = session.conn;
	local address = conn:ip();
	local bound, why = past_bound(address);
	if bound then
		refused[bound] = refused[bound] + 1;
		if refused[bound] % log_every == 1 then
			module:log("warn", "Refused a connection from %s: %s (%d refused for it in all)", address, why, refused[bound]);
		end
		-- Not now: Prosody reads from a new connection next, and one that is closing then goes before it has been told why.
		timer.add_task(0, function () session:close({ condition = "resource-constraint", text = why }); end);
		return;
	end
	incoming, unauthenticated = incoming + 1, unauthenticated + 1;
	by_address[address] = (by_address[address] or 0) + 1;
	counted[conn] = address;
end);

-- A stream is gone; its connection counts until it is gone as well. Prosody waits up to 14 minutes for the other side to
-- end TLS. What an incoming stream has still to write are answers that nobody waits for any more.
module:hook("s2s-destroyed", function (event)
	local session = event.session;
	partial = partial - (session.xmppfed_partial or 0);
	local conn, is_incoming = session.conn, session.direction == "incoming";
	if not conn then return; end
	timer.add_task(closing_limit, function ()
		if not conn.conn then return; end
		if not is_incoming and conn.writebuffer and #conn.writebuffer > 0 then return closing_limit; end
		cut(conn, "the other side did not end the connection");
	end);
end);

module:hook("s2s-closed", function (event)
	local conn = event.conn;
	if not counted[conn] then return; end
	leave_unauthenticated(conn);
	counted[conn] = nil;
	incoming = incoming - 1;
end);

-- Links that never finish their handshake
local link_sessions = module:shared("/*/component/sessions");
module:add_timer(5, function ()
	local old = {};
	for conn, session in pairs(link_sessions) do
		if session.type == "component_unauthed" then
			session.xmppfed_since = session.xmppfed_since or monotonic();
			if monotonic() - session.xmppfed_since > link_handshake_limit then table.insert(old, session); end
		end
	end
	for _, session in ipairs(old) do session:close("connection-timeout"); end
	return 5;
end);

function module.add_host(module)
	-- Every domain that a peer wants to be on one stream is remembered with it, and asks for a stream of ours to it
	module:hook("stanza/jabber:server:dialback:result", function (event)
		local session, attr = event.origin, event.stanza.attr;
		if session.direction ~= "incoming" or session.hosts[attr.from or ""] then return; end
		local count = 0;
		for _ in pairs(session.hosts) do count = count + 1; end
		if count >= domains_per_stream then
			session:close({ condition = "policy-violation", text = ("More than %d domains on one stream"):format(domains_per_stream) });
			return true;
		end
		local host = prosody.hosts[attr.to or ""];
		if host and not host.s2sout[attr.from or ""] and not outgoing.has_room() then
			session.sends2s(st.stanza("db:result", { from = attr.to, to = attr.from, type = "error" })
				:tag("error", { type = "wait" }):tag("resource-constraint", { xmlns = "urn:ietf:params:xml:ns:xmpp-stanzas" }));
			return true;
		end
	end, 50); -- after what refuses the peer, before mod_dialback
end

-- For the metrics
function report()
	return { incoming = incoming, unauthenticated = unauthenticated, partial = partial };
end
