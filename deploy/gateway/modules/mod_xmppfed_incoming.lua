-- Both roles, global: bounds what the other side of incoming connections can make this process hold.
--
-- Past a bound a new connection is closed with resource-constraint; who is there already is served on.
--
-- Options:
--   xmppfed_incoming_limit (integer)                  incoming streams (2500)
--   xmppfed_unauthenticated_limit (integer)           of these, not authenticated yet (1000)
--   xmppfed_unauthenticated_address_limit (integer)   of these, from one address (250). It must leave room for peers that
--                                                     come through one address (a load balancer that hides theirs)
--   xmppfed_domains_per_stream (integer)              domains that a peer may authenticate on one stream (50)
--   xmppfed_partial_total (bytes)                     of stanzas that have begun and not ended, in all (32 MiB)
--   s2s_max_child_elements (integer)                  elements in a stanza (10000). Prosody 13.0.1 does not apply it

module:set_global();

local st = require "prosody.util.stanza";
local monotonic = require "prosody.util.time".monotonic;
local add_task = require "prosody.util.timer".add_task;
local outgoing = module:depends("xmppfed_outgoing");

local incoming_limit = module:get_option_integer("xmppfed_incoming_limit", 2500, 1);
local unauthenticated_limit = module:get_option_integer("xmppfed_unauthenticated_limit", 1000, 1);
local address_limit = module:get_option_integer("xmppfed_unauthenticated_address_limit", 250, 1);
local domains_per_stream = module:get_option_integer("xmppfed_domains_per_stream", 50, 1);
local partial_limit = module:get_option_integer("xmppfed_partial_total", 32 * 1024 * 1024, 1);
local max_elements = module:get_option_integer("s2s_max_child_elements", 10000, 1);
local unauthenticated_elements = 200;
local small_partial = 16 * 1024; -- bytes; a stream with less is never closed for what others hold
local link_handshake_limit = 10; -- seconds

local incoming, unauthenticated, partial = 0, 0, 0;
local by_address = {}; -- address -> connections from there that are not authenticated
refused = 0; -- connections, for the metrics

local function leave_unauthenticated(session)
	local address = session.xmppfed_unauthenticated;
	if not address then return; end
	session.xmppfed_unauthenticated = nil;
	unauthenticated = unauthenticated - 1;
	by_address[address] = by_address[address] > 1 and by_address[address] - 1 or nil;
end

-- Keeps count of the bytes of a stanza that has begun and not ended (xmppfed_stream.lua). Blanks between stanzas are not
-- held and do not count, or whoever sends enough of them could have the streams of others closed.
local function watch_partial(session)
	local data = session.data;
	session.xmppfed_partial = 0;
	function session.data(chunk)
		data(chunk);
		if session.destroyed then return; end -- s2s-destroyed has taken its part off
		local now = session.stream.held();
		partial, session.xmppfed_partial = partial + now - session.xmppfed_partial, now;
		if partial > partial_limit and now > small_partial then
			session.log("warn", "Closed the stream of %s at %s: too much of stanzas that do not end", session.from_host, session.ip);
			session:close({ condition = "resource-constraint", text = "Too much of stanzas that do not end is held" });
		end
	end
end

module:hook("s2s-created", function (event)
	local session = event.session;
	session.stream:set_stanza_size_limit(session.stanza_size_limit or 10000, unauthenticated_elements);
	if session.direction == "incoming" then watch_partial(session); end
end, -100);

local function on_established(event)
	local session = event.session;
	leave_unauthenticated(session);
	session.stream:set_stanza_size_limit(session.stanza_size_limit, max_elements);
end
module:hook("s2sin-established", on_established);
module:hook("s2sout-established", on_established);

module:hook("s2s-connected", function (event)
	local session = event.session;
	if session.direction ~= "incoming" then return; end
	local address = session.conn:ip();
	local why;
	if incoming >= incoming_limit then
		why = "too many incoming streams";
	elseif unauthenticated >= unauthenticated_limit then
		why = "too many incoming streams that are not authenticated";
	elseif (by_address[address] or 0) >= address_limit then
		why = "too many incoming streams from this address that are not authenticated";
	end
	if why then
		refused = refused + 1;
		if refused % 100 == 1 then module:log("warn", "Refused a connection from %s: %s (%d refused in all)", address, why, refused); end
		-- Not now: Prosody reads from a new connection next, and one that is closing then goes before it has been told why.
		add_task(0, function () session:close({ condition = "resource-constraint", text = why }); end);
		return;
	end
	incoming, unauthenticated = incoming + 1, unauthenticated + 1;
	by_address[address] = (by_address[address] or 0) + 1;
	session.xmppfed_unauthenticated, session.xmppfed_incoming = address, true;
end);

module:hook("s2s-destroyed", function (event)
	local session = event.session;
	partial = partial - (session.xmppfed_partial or 0);
	if not session.xmppfed_incoming then return; end
	leave_unauthenticated(session);
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
