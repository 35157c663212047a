-- Router, global: guards the streams that the internal server opens, and makes their remote domain exist in time.
--
-- Only a local domain may open a stream here or be authenticated on one: the router carries the traffic of the internal
-- server and is no relay for others. Prosody fires no event before mod_s2s looks a stream's 'to' up, so the runner that
-- every element of an incoming session goes through is wrapped.
--
-- Options: xmppfed_upstreams (table, its keys are the local domains)

module:set_global();

local jid_host = require "prosody.util.jid".host;
local nameprep = require "prosody.util.encodings".stringprep.nameprep;

local upstreams = module:get_option("xmppfed_upstreams", {});
local any_domain = module:depends("xmppfed_any_domain");
local relay = module:depends("xmppfed_relay");

local is_stanza = { message = true, presence = true, iq = true };
local not_internal = { condition = "policy-violation", text = "This is a router: it takes streams from its own internal server only" };

local function refuse(session, from)
	session.log("warn", "Refused a stream from %s at %s: it is not a local domain", from, session.ip);
	session:close(not_internal);
end

-- Makes sure that a remote domain is there, if it can be one. Returns true when the stream was closed instead: the
-- internal server then answers whoever waits for it.
local function activate_or_close(session, domain)
	local host, err = any_domain.activate(domain);
	if host or err ~= "resource-constraint" then return false; end
	session:close({ condition = err, text = "Too many remote domains are in use" });
	return true;
end

-- What happens to an element before Prosody sees it. Returns true when it is done with.
local function before(session, thread, item)
	local attr = item.attr;
	if item.event == "streamopened" then
		local from = attr.from and nameprep(attr.from);
		if from and not upstreams[from] then
			refuse(session, from);
			return true;
		end
		return activate_or_close(session, attr.to);
	end
	if not attr or not attr.to then return false; end
	local to = jid_host(attr.to);
	if activate_or_close(session, to) then return true; end
	-- The short way of a stanza: the checks of core_process_stanza but for nodeprep and resourceprep, which the
	-- federation connection manager does. A domain that is not written in its prepared form is not found here and takes
	-- the long way.
	if is_stanza[item.name] and attr.xmlns == nil and attr.from
	and session.type == "s2sin" and thread.state == "ready" and any_domain.is_active(to) then
		local from = session.hosts[jid_host(attr.from)];
		if from and from.authed then
			relay.to_outside(session, item);
			return true;
		end
	end
	return false;
end

module:hook("s2s-created", function (event)
	local session = event.session;
	if session.direction ~= "incoming" then return; end
	local thread = session.thread;
	local run = thread.run;
	function thread:run(item)
		if item ~= nil and before(session, self, item) then return true, self.state, #self.queue; end
		return run(self, item);
	end
end);

function module.add_host(module)
	-- Where the stream header had no 'from', and for a further domain on the same stream
	module:hook("stanza/jabber:server:dialback:result", function (event)
		local session, from = event.origin, nameprep(event.stanza.attr.from or "");
		if session.direction ~= "incoming" or upstreams[from] then return; end
		refuse(session, from);
		return true;
	end, 100);

	module:hook("s2s-authenticated", function (event)
		if event.session.direction ~= "incoming" or upstreams[event.host] then return; end
		refuse(event.session, event.host);
		return false;
	end, 100);
end
