-- Both roles, global: a planned stop (SIGTERM) that loses nothing.
--
-- 1. Deregistration: still accepts, but is not ready, so that DNS, Services and load balancers take it out.
-- 2. Links: asks the other sides to send nothing more. Their answer comes behind all that they sent before.
-- 3. Streams: takes no new ones, closes the incoming ones (a peer may still send until it closes its side; that is
--    delivered), then the outgoing ones in order, each when nothing waits for it.
-- 4. Bye: closes the links, after all that was written to them has been read.
--
-- Invariant: this process does not end before the other side of every link has answered, or the link has ended. One that
-- gets no time to run for some seconds has neither read what was written to it, nor stopped sending: all of that would be
-- lost. One that is gone ends its link by its silence.
--
-- Options:
--   xmppfed_deregistration (period)  length of step 1 (0 s)
--   xmppfed_drain_limit (period)     longest step 3 (20 s)
--   xmppfed_link_limit (period)      longest step 2, and longest step 4 (25 s); more than a link is let be silent
--   s2s_close_timeout                must be at least xmppfed_drain_limit: until then mod_s2s waits for a peer's close

module:set_global();

local async = require "prosody.util.async";
local portmanager = require "prosody.core.portmanager";
local monotonic = require "prosody.util.time".monotonic;
local add_task = require "prosody.util.timer".add_task;
local link_protocol = module:require "xmppfed_link";

local deregistration = module:get_option_period("xmppfed_deregistration", 0);
local drain_limit = module:get_option_period("xmppfed_drain_limit", 20);
local link_limit = module:get_option_period("xmppfed_link_limit", 25);
local late_limit = 3; -- seconds for streams that opened after step 3
local poll = 0.05; -- seconds

draining = false; -- read by mod_xmppfed_status

-- Waits until condition() or the time-out. Must run in an async context.
local function wait_until(seconds, condition)
	local deadline = monotonic() + seconds;
	local wait, done = async.waiter();
	add_task(0, function ()
		if not condition() and monotonic() < deadline then return poll; end
		done();
	end);
	wait();
end

local function ask_links(event)
	local waiting = 0;
	module:fire_event(event, {
		add = function () waiting = waiting + 1; end;
		done = function () waiting = waiting - 1; end;
	});
	wait_until(link_limit, function () return waiting <= 0; end);
	if waiting > 0 then module:log("warn", "%d links did not answer %s within %d s", waiting, event, link_limit); end
end

-- Closes what can be closed now. Returns how many streams are left.
local function close_streams(closing)
	local left = 0;
	local authenticating = {}; -- peers that will send once they are authenticated, for which they need our stream
	for session in pairs(prosody.incoming_s2s) do
		left = left + 1;
		if session.type == "s2sin" then
			if not closing[session] then
				closing[session] = true;
				session:close(); -- waits for the peer's own close
			end
		elseif session.from_host then
			authenticating[session.from_host] = true;
		else
			session:close();
		end
	end
	for _, host in pairs(prosody.hosts) do
		for peer, session in pairs(rawget(host, "s2sout") or {}) do
			if session.direction == "outgoing" then
				left = left + 1;
				if closing[session] or authenticating[peer] then
					-- later
				elseif session.type == "s2sout" then
					-- session:close() would cut the connection at once; the peer closes it when it has read all
					closing[session] = true;
					session.sends2s("</stream:stream>");
					function session.sends2s() return false; end
				elseif not session.sendq or session.sendq:count() == 0 then
					session:close();
				end
			end
		end
	end
	return left;
end

-- What is queued for a stream that never came to be goes back as errors, over the links
local function cut_streams()
	local sessions = {};
	for session in pairs(prosody.incoming_s2s) do table.insert(sessions, session); end
	for _, host in pairs(prosody.hosts) do
		for _, session in pairs(rawget(host, "s2sout") or {}) do table.insert(sessions, session); end
	end
	for _, session in ipairs(sessions) do
		if session.conn then link_protocol.cut(session.conn, "draining took too long"); end
	end
end

module:hook("server-stopping", function ()
	draining = true;
	module:log("info", "Draining: accepting for %d s more", deregistration);
	local never = function () return false; end;
	if deregistration > 0 then wait_until(deregistration, never); end
	local started = monotonic();
	ask_links("xmppfed-drain");
	portmanager.deactivate("s2s");
	local closing, left = {}, 0;
	local function end_streams(limit)
		wait_until(limit, function ()
			left = close_streams(closing);
			return left == 0;
		end);
	end
	end_streams(drain_limit);
	if left > 0 then
		module:log("warn", "%d streams were still open after %d s and are cut", left, drain_limit);
		cut_streams();
	end
	ask_links("xmppfed-bye");
	-- Where somebody did not answer in step 2, what it sent after step 3 has opened streams again.
	end_streams(late_limit);
	module:log("info", "Drained in %.2f s", monotonic() - started);
end, 100); -- before mod_s2s closes all that is left
