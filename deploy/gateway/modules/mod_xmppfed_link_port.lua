-- Federation connection manager, global: the port for links. It takes TLS only, from those who have a certificate of the
-- federation (xmppfed_link_tls.lib.lua), and gives them to mod_component.
--
-- Options:
--   xmppfed_link_interfaces (array)   interfaces to listen on
--   xmppfed_link_port (integer)       port to listen on
--   component_ports                   must be {}: mod_component's own port would be plain
--
-- Invariant: mod_component never sees a connection that was not verified.

module:set_global();

local portmanager = require "prosody.core.portmanager";
local server = require "prosody.net.server";
local datetime = require "prosody.util.datetime".datetime;
local st = require "prosody.util.stanza";
local monotonic = require "prosody.util.time".monotonic;
local link_tls = module:require "xmppfed_link_tls";

local interfaces = module:get_option_array("xmppfed_link_interfaces");
local port = module:get_option_integer("xmppfed_link_port");

local max_refused = 100; -- addresses that are remembered
local log_interval = 60; -- seconds until the same is logged again of an address

local servers = {};
local refused, refused_order = {}, {}; -- address -> last refusal; addresses, the one that was first refused comes first

local tls = link_tls.watch("server", function (context)
	for _, listening in ipairs(servers) do listening.tls_ctx = context; end
end);

-- Remembers and logs why somebody at an address got no link
function note_refusal(address, why)
	local last = refused[address];
	if not last then
		if #refused_order >= max_refused then refused[table.remove(refused_order, 1)] = nil; end
		table.insert(refused_order, address);
	end
	local t = monotonic();
	local told = last and last.reason == why and t - last.logged < log_interval;
	refused[address] = {
		address = address; at = datetime(); reason = why;
		count = (last and last.count or 0) + 1; logged = told and last.logged or t;
	};
	if not told then module:log("warn", "A link from %s is refused: %s", address, why); end
end

local function refuse(conn, why)
	note_refusal(conn:ip(), why);
	local text = ("Refused by the federation connection manager: %s"):format(why);
	conn:write("<?xml version='1.0'?><stream:stream xmlns='jabber:component:accept' xmlns:stream='http://etherx.jabber.org/streams' id=''>"
		..tostring(st.stanza("stream:error")
			:tag("not-authorized", { xmlns = "urn:ietf:params:xml:ns:xmpp-streams" }):up()
			:tag("text", { xmlns = "urn:ietf:params:xml:ns:xmpp-streams" }):text(text):up())
		.."</stream:stream>");
	conn:close();
end

-- The listener of mod_component behind the check
local function guard(component)
	local verified = {}; -- conn -> true
	local refusing = {}; -- conn -> true: it was told so, and what it still says is not read
	local listener = setmetatable({}, { __index = component });

	function listener.onconnect(conn)
		local why = link_tls.refusal(conn);
		if why then
			refusing[conn] = true;
			return refuse(conn, why);
		end
		verified[conn] = true;
		return component.onconnect(conn);
	end

	function listener.onincoming(conn, data)
		if verified[conn] then return component.onincoming(conn, data); end
	end

	function listener.onreadtimeout(conn)
		if verified[conn] then return component.onreadtimeout(conn); end
	end

	function listener.ondisconnect(conn, err)
		if verified[conn] then
			verified[conn] = nil;
			return component.ondisconnect(conn, err);
		end
		if not refusing[conn] then note_refusal(conn:ip(), ("the TLS handshake failed: %s"):format(link_tls.explain(err) or "closed")); end
		refusing[conn] = nil;
	end

	return listener;
end

local function open(listener)
	for _, interface in ipairs(interfaces) do
		local listening, err = server.listen(interface, port, listener, {
			read_size = module:get_option_integer("network_default_read_size", 4096);
			tls_ctx = tls.context;
			tls_direct = true;
		});
		if listening then
			table.insert(servers, listening);
		else
			module:log("error", "The port for links, %d on %s, cannot be opened: %s", port, interface, err);
		end
	end
end

-- mod_component comes with the first local domain. Without a certificate the port stays closed, and routers try again.
module:hook("server-started", function ()
	local listener = guard(portmanager.get_service("component").listener);
	local function open_when_possible()
		if not tls.context then return 1; end
		open(listener);
	end
	if open_when_possible() then module:add_timer(1, open_when_possible); end
end);

-- For the status
function report()
	local list = {};
	for _, address in ipairs(refused_order) do table.insert(list, refused[address]); end
	return { tls = tls, refused = list };
end
