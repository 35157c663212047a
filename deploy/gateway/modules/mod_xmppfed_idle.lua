-- Federation connection manager, global: ends streams that no stanza has gone over for a time (limits.idleSeconds).
--
-- In order, so that nothing is lost: </stream:stream> is sent, and the connection goes when the peer has answered it,
-- which it does when it has sent and read all. What comes meanwhile is taken, and what is to be sent opens a new stream.
-- Blanks that keep a connection alive are no stanzas.
--
-- Invariant: prosody.hosts[...].s2sout has the stream that takes stanzas, never one that is ending.

module:set_global();

local monotonic = require "prosody.util.time".monotonic;
local add_task = require "prosody.util.timer".add_task;
local limits = module:depends("xmppfed_limits").limits;
local outgoing = module:depends("xmppfed_outgoing");

local close_timeout = module:get_option_period("s2s_close_timeout", 5);
local interval = 1; -- seconds

closed = 0; -- streams, for the metrics

local ending = {}; -- "from to" -> { stream = the outgoing one that is ending, successor = the one that was opened since }

local function key(session)
	return session.from_host.." "..session.to_host;
end

local function end_outgoing(session)
	local streams = prosody.hosts[session.from_host].s2sout;
	if ending[key(session)] or streams[session.to_host] ~= session then return; end
	ending[key(session)] = { stream = session };
	streams[session.to_host] = nil;
	session.sends2s("</stream:stream>");
	function session.sends2s() return false; end
	add_task(close_timeout, function () session:close(); end); -- nothing, where the stream is gone
	closed = closed + 1;
end

function module.add_host(module)
	module:hook("s2sout-created", function (event)
		local old = ending[key(event.session)];
		if old then old.successor = event.session; end
	end);
end

-- Prosody takes whatever stream is there out of s2sout when one to the same domain ends.
module:hook("s2s-destroyed", function (event)
	local session = event.session;
	local old = session.direction == "outgoing" and ending[key(session)];
	if not old or old.stream ~= session then return; end
	ending[key(session)] = nil;
	if old.successor and not old.successor.destroyed then
		prosody.hosts[session.from_host].s2sout[session.to_host] = old.successor;
	end
end);

-- Whether a stream has not been used for the limit
local function is_idle(session, used, t)
	if session.xmppfed_used_before ~= used then
		session.xmppfed_used_before, session.xmppfed_used_at = used, t;
	end
	-- What a peer sends is not seen while it is slowed (mod_xmppfed_rates).
	return t - math.max(session.xmppfed_used_at, session.xmppfed_paused_until or 0) >= limits.idleSeconds;
end

module:add_timer(interval, function ()
	if not limits.idleSeconds then return interval; end
	local t, idle = monotonic(), {};
	for session in pairs(prosody.incoming_s2s) do
		if session.type == "s2sin" and not session.xmppfed_ending and is_idle(session, session.stream.handled(), t) then
			idle[session] = true;
		end
	end
	for _, host in pairs(prosody.hosts) do
		for _, session in pairs(rawget(host, "s2sout") or {}) do
			if session.type == "s2sout" and is_idle(session, outgoing.used(session), t) then idle[session] = true; end
		end
	end
	for session in pairs(idle) do
		session.log("info", "No stanza for %d s: the stream is closed", limits.idleSeconds);
		if session.direction == "outgoing" then
			end_outgoing(session);
		else
			session.xmppfed_ending, closed = true, closed + 1;
			session:close(); -- waits for the peer's own close
		end
	end
	return interval;
end);
