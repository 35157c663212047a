-- Router, template host: hands stanzas of the internal server to a link, and what comes in on a link to the internal
-- server.
--
-- Without a link the sender gets remote-server-timeout (type wait), and resource-constraint where too much waits. What comes from outside is addressed to a local
-- domain and is not from one, or it is dropped.
--
-- Options:
--   xmppfed_upstreams (table)                   its keys are the local domains
--   xmppfed_email_addresses_directory (string)  users are known outside by other names; absent: by their own

module:set_global();

local st = require "prosody.util.stanza";
local jid_host = require "prosody.util.jid".host;

local upstreams = module:get_option("xmppfed_upstreams", {});
local any_domain = module:depends("xmppfed_any_domain");
local links = module:depends("xmppfed_links");
local names = module:get_option_string("xmppfed_email_addresses_directory") and module:depends("xmppfed_email_addresses");

local problems = {
	["remote-server-timeout"] = "No federation connection manager is connected";
	["resource-constraint"] = "Too much waits for the federation connection manager";
};
sent = { message = 0, presence = 0, iq = 0 }; -- stanzas to links, for the metrics
refused = {}; -- condition -> stanzas of the internal server, for the metrics

local function may_be_answered(stanza)
	return stanza.attr.type ~= "error" and stanza.attr.type ~= "result";
end

-- Hands a stanza to a link, as it is known outside. Gives nil, or why not: type, condition and text of the error for its
-- sender. Its `from` stays that of the inside.
local function give(stanza)
	local attr = stanza.attr;
	attr.xmlns = nil; -- the default namespace of the stream
	local from = attr.from;
	local refusal = names and names.to_outside(stanza);
	local domain, text = jid_host(attr.from), not refusal and tostring(stanza);
	attr.from = from;
	if refusal then return refusal; end
	local ok, err = links.send(domain, jid_host(attr.to), text, stanza);
	return not ok and { type = "wait", condition = err, text = problems[err] } or nil;
end

-- A stanza of the internal server, checked, for a remote domain. Always takes care of it.
function to_outside(origin, stanza)
	local problem = give(stanza);
	if not problem then
		local name = stanza.name;
		if sent[name] then sent[name] = sent[name] + 1; end
	elseif may_be_answered(stanza) then
		refused[problem.condition] = (refused[problem.condition] or 0) + 1;
		origin.send(st.error_reply(stanza, problem.type, problem.condition, problem.text));
	end
	return true;
end

local function from_outside(event)
	local link, stanza = event.link, event.stanza;
	local from, to = jid_host(stanza.attr.from), jid_host(stanza.attr.to);
	if not upstreams[to] then
		module:log("warn", "Dropped a %s from %s on link %s: %s is not a local domain", stanza.name, from, link.key, to);
		return true;
	end
	local host, err = any_domain.activate(from);
	if host then
		prosody.core_route_stanza(host, stanza);
	elseif err == "resource-constraint" and may_be_answered(stanza) then
		give(st.error_reply(stanza, "wait", "resource-constraint", "Too many remote domains are in use"));
	else
		module:log("warn", "Dropped a %s on link %s: %s cannot be a remote domain (%s)", stanza.name, link.key, from, err);
	end
	return true;
end
module:hook("xmppfed-from-outside", from_outside);

local function handle(event)
	return to_outside(event.origin, event.stanza);
end

function module.add_host(module)
	for _, name in ipairs { "iq", "message", "presence" } do
		for _, kind in ipairs { "bare", "full", "host" } do
			module:hook(name.."/"..kind, handle, 10);
		end
	end
end
