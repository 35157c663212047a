-- Federation connection manager, each local domain (a Component of type "component"): the links from routers, several
-- for each domain (the other end of mod_xmppfed_links; messages in xmppfed_link.lib.lua).
--
-- A peer's stanzas go to the router that rendezvous hashing on the peer's domain gives. Without a router the peer gets
-- remote-server-timeout (type wait).
--
-- Options:
--   xmppfed_node (string)          name of this node
--   component_secret (string)      the shared link secret
--
-- Invariant: `pool` has exactly the links that said <hello/> and have neither drained nor ended.

local st = require "prosody.util.stanza";
local sha1 = require "prosody.util.hashes".sha1;
local equals = require "prosody.util.hashes".equals;
local jid_host = require "prosody.util.jid".host;
local monotonic = require "prosody.util.time".monotonic;
local protocol = module:require "xmppfed_link";
local rendezvous = module:require "xmppfed_rendezvous";
local link_port = module:depends("xmppfed_link_port");

local node = module:get_option_string("xmppfed_node");
local secret = module:get_option_string("component_secret");

local linked = {};  -- session -> true: every link that is authenticated, draining ones too
local pool = {};    -- array of { session, node }, oldest first
local chooser = rendezvous.new();
local reached = false;
local draining = false;

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
	table.insert(pool, { session = session, node = session.router_node, since = os.time(), sent = 0 });
	chooser:replace(pool);
	reached = true;
	module:log("info", "The link from router %s at %s is up: %d in all", session.router_node, session.address, #pool);
end);

on_message("ping", function (session) send(session, "pong"); end);

on_message("drain", function (session)
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

local function to_router(event)
	local stanza, origin = event.stanza, event.origin;
	local candidate = chooser:choose(jid_host(stanza.attr.from));
	if candidate then
		stanza.attr.xmlns = nil; -- the default namespace of the stream
		candidate.sent = candidate.sent + 1;
		candidate.session.send(stanza);
	elseif stanza.attr.type ~= "error" and stanza.attr.type ~= "result" then
		origin.send(st.error_reply(stanza, "wait", "remote-server-timeout", "No router is connected"));
	end
	return true;
end
for _, name in ipairs { "iq", "message", "presence" } do
	for _, kind in ipairs { "bare", "full", "host" } do
		module:hook(name.."/"..kind, to_router, 10);
	end
end

-- For the status: `reached` whether there has been a link
function report()
	return { reached = reached, links = pool };
end
