-- Both roles: stanzas onto streams. What waits for a stream is bounded, and who sends what cannot be sent gets an error.
--
-- Prosody by itself keeps a table of 32,768 places for every stream that it opens, drops a stanza that is longer than
-- the other side takes (XEP-0478) and opens one more stream for it, and forgets what a connection did not take.
--
-- | The stanza                                              | Its sender gets                  |
-- |---------------------------------------------------------|----------------------------------|
-- | is longer than the other side takes                     | policy-violation (modify)        |
-- | meets too much that waits, or too many outgoing streams | resource-constraint (wait)       |
-- | was waiting when its stream failed; router              | remote-server-timeout (wait)     |
-- | the same; federation connection manager, peer reached   | remote-server-timeout (wait)     |
-- | and peer not reached                                    | remote-server-not-found (cancel) |
--
-- The key of a stream (dialback) is shown again every 5 s until there is an answer. The other side asks about it on a
-- stream that it has to whoever has our domain. Where that one ends first, as with a node that drains, no answer comes,
-- and servers such as Prosody would wait for it as long as the stream lives.
--
-- Options:
--   xmppfed_role                         router or federation
--   xmppfed_opening_limit (integer)      outgoing streams that are not authenticated yet (1000)
--   s2s_send_queue_size                  must be 1: the queue is kept here
-- How many outgoing streams there may be: mod_xmppfed_limits

module:set_global();

local errors = require "prosody.util.error";
local st = require "prosody.util.stanza";
local add_task = require "prosody.util.timer".add_task;
local backlog = module:depends("xmppfed_backlog");
local limits = module:depends("xmppfed_limits").limits;
local bounce = module:require "xmppfed_bounce".bounce;

local hosts = prosody.hosts;
local role = module:get_option_enum("xmppfed_role", "router", "federation");
local opening_limit = module:get_option_integer("xmppfed_opening_limit", 1000, 1);

local key_interval = 5; -- seconds

local outgoing, opening = 0, 0;
sent = { message = 0, presence = 0, iq = 0 }; -- stanzas, for the metrics
refused = {}; -- condition -> stanzas, for the metrics

local function count(session, name)
	local before = sent[name];
	if not before then return; end
	sent[name] = before + 1;
	session.xmppfed_stanzas = (session.xmppfed_stanzas or 0) + 1; -- mod_xmppfed_peers
end

local function refuse(stanza, kind, condition, text)
	if bounce(stanza, kind, condition, text) then refused[condition] = (refused[condition] or 0) + 1; end
end

-- Whether one more stream can be opened
function has_room()
	return outgoing < limits.outgoingStreams and opening < opening_limit;
end

local function too_long(session, size)
	local limit = session.outgoing_stanza_size_limit;
	return limit and size > limit
		and ("The stanza has %d bytes and %s takes %.0f at most"):format(size, session.to_host, limit);
end

-- Why what waited for a stream that failed was not sent
local function failure_of(session, reason)
	if errors.is_error(reason) then return reason.type, reason.condition, reason.text; end
	local text = type(reason) == "string" and "Server-to-server connection failed: "..reason or nil;
	if role == "router" or session.had_stream then return "wait", "remote-server-timeout", text; end
	return "cancel", "remote-server-not-found", text;
end

-- In place of mod_s2s's function of that name: it gets the texts that wait here
local function bounce_sendq(session, reason)
	local kind, condition, text = failure_of(session, reason);
	local queue, outlet, total = session.sendq, session.xmppfed_outlet, 0;
	session.sendq, session.xmppfed_outlet = nil, nil;
	if queue then
		for entry in queue.pop, queue do
			total = total + 1;
			if entry.head then refuse(entry.head, kind, condition, text); end
		end
	end
	-- A stream that is closed in order has no reason, and writes what it has before it goes.
	if outlet and reason then
		for _, head in ipairs(outlet:lost()) do
			total = total + 1;
			refuse(head, "wait", "remote-server-timeout", text);
		end
	end
	if total > 0 then session.log("info", "%d stanzas to %s were not sent: %s", total, session.to_host, condition); end
end

local function consume(queue, session)
	return function ()
		for entry in queue.pop, queue do
			local problem = too_long(session, #entry.text);
			if not problem then
				count(session, entry.name);
				return entry.text;
			end
			if entry.head then refuse(entry.head, "modify", "policy-violation", problem); end
		end
	end
end

local adopted; -- what the stream that is created next takes over from one that failed

local function show_key_again(session)
	add_task(key_interval, function ()
		if session.type ~= "s2sout_unauthed" or session.destroyed then return nil; end
		if session.dialback_key then
			session.log("info", "No answer to the dialback key yet: showing it again");
			session.sends2s(st.stanza("db:result", { from = session.from_host, to = session.to_host }):text(session.dialback_key));
		end
		return key_interval;
	end);
end

-- mod_s2s has put the first stanza into a queue of its own
local function on_created(event)
	local session = event.session;
	local queue;
	if adopted then
		queue = adopted.queue;
		for name, value in pairs(adopted.fields) do session[name] = value; end
		adopted = nil;
	else
		queue = backlog.queue();
		for stanza in session.sendq:consume() do queue:push(stanza); end
	end
	function queue:consume() return consume(self, session); end
	session.sendq, session.bounce_sendq, session.xmppfed_opening = queue, bounce_sendq, true;
	outgoing, opening = outgoing + 1, opening + 1;
	show_key_again(session);
end

-- Opens a stream in place of one that failed, for what waits for that one. `fields` are set at the new session. False
-- where nothing waits, or no stream can be opened.
function reopen(session, fields)
	local queue = session.sendq;
	if not queue or queue:count() == 0 then return false; end
	adopted = { queue = queue, fields = fields };
	hosts[session.from_host].events.fire_event("route/remote", {
		from_host = session.from_host;
		to_host = session.to_host;
		stanza = st.message(); -- mod_s2s opens a stream only for a stanza; this one is not sent
	});
	local opened = adopted == nil;
	adopted = nil;
	if opened then session.sendq = nil; end
	return opened;
end

local function on_established(event)
	local session = event.session;
	if not session.xmppfed_opening then return; end
	session.xmppfed_opening, opening = false, opening - 1;
	local conn = session.conn;
	session.xmppfed_outlet, session.xmppfed_routed = backlog.outlet(conn), 0;
	-- Without the debug lines and filters, which nobody has here. mod_s2s and mod_xmppfed_drain replace it when they
	-- close the stream.
	function session.sends2s(data) return conn:write(tostring(data)); end
	session.xmppfed_sends2s = session.sends2s;
end
module:hook("s2sout-established", on_established, 100);

module:hook("s2s-destroyed", function (event)
	local session = event.session;
	if session.xmppfed_opening == nil then return; end
	outgoing = outgoing - 1;
	if session.xmppfed_opening then opening = opening - 1; end
end);

local function route(event)
	local stanza = event.stanza;
	local session = hosts[event.from_host].s2sout[event.to_host];
	if not session then
		if has_room() then return nil; end -- mod_s2s opens one
		refuse(stanza, "wait", "resource-constraint", "Too many streams to other servers are open");
		return true;
	end
	if session.type == "s2sout" and session.sends2s == session.xmppfed_sends2s then
		local text = tostring(stanza);
		local problem = too_long(session, #text);
		session.xmppfed_routed = session.xmppfed_routed + 1;
		if problem then
			refuse(stanza, "modify", "policy-violation", problem);
		elseif session.xmppfed_outlet:send(text, stanza) then
			count(session, stanza.name);
		else
			refuse(stanza, "wait", "resource-constraint", ("Too much waits to be sent to %s"):format(event.to_host));
		end
		return true;
	end
	if session.type == "s2sout_unauthed" and session.sendq and (stanza.name ~= "db:verify" or not session.dialback_key) then
		if not session.sendq:push(stanza) then
			refuse(stanza, "wait", "resource-constraint", ("Too much waits for a stream to %s"):format(event.to_host));
		end
		return true;
	end
	return nil;
end

function module.add_host(module)
	module:hook("s2sout-created", on_created, 100);
	module:hook("route/remote", route, 0);
end

-- A number that changes when something is to be sent on a stream, which must be authenticated
function used(session)
	return session.xmppfed_routed;
end

-- For the metrics
function report()
	return { outgoing = outgoing, opening = opening };
end
