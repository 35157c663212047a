-- Federation connection manager, each local domain (a Component of type "component"): the links from routers, several
-- for each domain (the other end of mod_xmppfed_links; messages in xmppfed_link.lib.lua).
--
-- A peer's stanzas go to the router that rendezvous hashing on the peer's domain gives. Without a router the peer gets
-- remote-server-timeout (type wait). A router that does not reach the internal server withdraws its link: nothing is
-- sent to it, and what it sends is still taken.
--
-- Options:
--   xmppfed_node (string)          name of this node
--   component_secret (string)      the shared link secret
--   xmppfed_alias (boolean)        the domain is an alias: only the router of its chat node takes what peers send (false)
--
-- Invariant: `pool` has exactly the links that said <hello/> and have neither been withdrawn nor drained nor ended.

local st = require "prosody.util.stanza";
local sha1 = require "prosody.util.hashes".sha1;
local equals = require "prosody.util.hashes".equals;
local jid_host = require "prosody.util.jid".host;
local monotonic = require "prosody.util.time".monotonic;
local protocol = module:require "xmppfed_link";
local rendezvous = module:require "xmppfed_rendezvous";
local link_port = module:depends("xmppfed_link_port");
local backlog = module:depends("xmppfed_backlog");
local bounce = module:require "xmppfed_bounce".bounce;

local node = module:get_option_string("xmppfed_node");
local secret = module:get_option_string("component_secret");
local is_alias = module:get_option_boolean("xmppfed_alias", false);

local linked = {};  -- session -> true: every link that is authenticated, draining ones too
local pool = {};    -- array of { session, node, since, sent, sequence }, oldest first
local sequence = 0; -- of the last link
local chooser = rendezvous.new();
local reached = false;
local draining = false;
sent = { message = 0, presence = 0, iq = 0 }; -- stanzas to routers, for the metrics
refused = {}; -- condition -> stanzas of peers, for the metrics

local function send(session, name, attr)
	attr = attr or {};
	attr.xmlns = protocol.xmlns;
	session.send(st.stanza(name, attr));
end

local function remove_from_pool(session)
	for i, candidate in ipairs(pool) do
		if candidate.session == session then
			table.remove(pool, i);
			break;
		end
	end
	chooser:replace(pool);
end

local function add_to_pool(session)
	remove_from_pool(session);
	table.insert(pool, session.candidate);
	table.sort(pool, function (a, b) return a.sequence < b.sequence; end);
	chooser:replace(pool);
end

local function answered(session)
	if session.on_drained then
		session.on_drained();
		session.on_drained = nil;
	end
end

local function on_destroy(session, err)
	linked[session] = nil;
	remove_from_pool(session);
	answered(session); -- nobody is left to answer
	module:log(session.said_bye and "info" or "warn", "The link from router %s at %s is down (%s): %d left",
		session.router_node or "(unknown)", session.address, session.said_bye and "bye" or err or "closed", #pool);
	local candidate = session.candidate;
	for _, head in ipairs(candidate and candidate.outlet:lost() or {}) do
		bounce(head, "wait", "remote-server-timeout", "The router is gone");
	end
end

module:hook("stanza/jabber:component:accept:handshake", function (event)
	local session, element = event.origin, event.stanza;
	if session.type ~= "component_unauthed" then return; end
	if not secret or not equals(element:get_text():lower(), sha1(session.streamid..secret, true)) then
		link_port.note_refusal(session.conn:ip(), "its link secret is wrong");
		session:close({ condition = "not-authorized", text = "The link secret is wrong" });
		return true;
	end
	session.type = "component";
	session.component_validate_from = true;
	session.address, session.heard = session.conn:ip(), monotonic();
	session.on_destroy = on_destroy;
	linked[session] = true;
	session.send(st.stanza("handshake"));
	module:fire_event("component-authenticated", { session = session });
	return true;
end, 10); -- before mod_component, which knows one link only

-- Messages of an authenticated link
local function on_message(name, handler)
	module:hook("stanza/"..protocol.xmlns..":"..name, function (event)
		local session = event.origin;
		if not linked[session] then return; end
		session.heard = monotonic();
		handler(session, event.stanza);
		return true;
	end);
end

on_message("hello", function (session, element)
	if session.router_node then return; end
	session.router_node = element.attr.node or session.address;
	send(session, "hello", { node = node });
	if draining then
		send(session, "drain");
		return;
	end
	sequence = sequence + 1;
	session.candidate = { session = session, outlet = backlog.outlet(session.conn), node = session.router_node, since = os.time(), sent = 0, sequence = sequence };
	session.withdrawn = element.attr.withdrawn == "true";
	if not session.withdrawn then add_to_pool(session); end
	reached = true;
	module:log("info", "The link from router %s at %s is up%s: %d in all", session.router_node, session.address,
		session.withdrawn and ", but does not reach the internal server" or "", #pool);
end);

on_message("withdraw", function (session)
	session.withdrawn = true;
	remove_from_pool(session);
	module:log("warn", "Router %s at %s does not reach the internal server: %d left", session.router_node, session.address, #pool);
end);

on_message("offer", function (session)
	session.withdrawn = false;
	if not session.candidate or session.draining then return; end
	add_to_pool(session);
	module:log("info", "Router %s at %s reaches the internal server again: %d in all", session.router_node, session.address, #pool);
end);

on_message("ping", function (session) send(session, "pong"); end);

on_message("drain", function (session)
	session.draining = true;
	remove_from_pool(session);
	send(session, "drained");
	module:log("info", "Router %s at %s is draining: %d left", session.router_node, session.address, #pool);
end);

on_message("drained", answered);

on_message("bye", function (session)
	session.said_bye = true;
	session:close();
end);

module:add_timer(protocol.ping_interval, function ()
	local t = monotonic();
	for session in pairs(linked) do
		if t - session.heard > protocol.silence_limit then
			protocol.cut(session.conn, ("nothing was heard for %d s"):format(protocol.silence_limit));
		end
	end
	return protocol.ping_interval;
end);

-- This process is going: the routers must send it nothing more
module:hook_global("xmppfed-drain", function (wait)
	draining = true;
	for session in pairs(linked) do
		wait.add();
		session.on_drained = wait.done;
		send(session, "drain");
	end
end);

module:hook_global("xmppfed-bye", function (wait)
	for session in pairs(linked) do
		wait.add();
		session.said_bye, session.on_drained = true, wait.done;
		send(session, "bye");
	end
end);

-- The domain is an alias that goes: its routers must send it nothing more
local function leave()
	draining = true;
	for session in pairs(linked) do
		session.said_bye = true;
		remove_from_pool(session);
		send(session, "bye");
		session:close();
	end
end

module:hook_global("xmppfed-alias-leaves", function (event)
	if event.domain == module.host then leave(); end
end);

local function refuse(event, condition, text)
	local stanza = event.stanza;
	if stanza.attr.type == "error" or stanza.attr.type == "result" then return; end
	refused[condition] = (refused[condition] or 0) + 1;
	event.origin.send(st.error_reply(stanza, "wait", condition, text));
end

local function to_router(event)
	local session, stanza = event.origin, event.stanza;
	session.xmppfed_stanzas = (session.xmppfed_stanzas or 0) + 1; -- mod_xmppfed_peers
	local candidate = chooser:choose(jid_host(stanza.attr.from));
	if not candidate then
		refuse(event, "remote-server-timeout", next(linked) and "The internal server cannot be reached" or "No router is connected");
		return true;
	end
	stanza.attr.xmlns = nil; -- the default namespace of the stream
	if candidate.outlet:send(tostring(stanza), stanza) then
		local name = stanza.name;
		candidate.sent, sent[name] = candidate.sent + 1, sent[name] + 1;
	else
		refuse(event, "resource-constraint", "Too much waits for the router");
	end
	return true;
end
for _, name in ipairs { "iq", "message", "presence" } do
	for _, kind in ipairs { "bare", "full", "host" } do
		module:hook(name.."/"..kind, to_router, 10);
	end
end

-- For the status: `reached` whether there has been a link; `alias` whether the domain is one; `links` those that said hello
function report()
	local links = {};
	for session in pairs(linked) do
		local candidate = session.candidate;
		if candidate then
			table.insert(links, {
				node = candidate.node;
				address = session.address;
				conn = session.conn;
				state = session.draining and "Draining" or session.withdrawn and "Withdrawn" or "Up";
				since = candidate.since;
				sent = candidate.sent;
				sequence = candidate.sequence;
			});
		end
	end
	table.sort(links, function (a, b) return a.sequence < b.sequence; end);
	return { reached = reached, links = links, alias = is_alias };
end
