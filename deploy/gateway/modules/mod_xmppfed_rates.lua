-- Federation connection manager: how fast one peer may send, and open streams (limits.stanzasPerSecond, streamsPerMinute).
--
-- Stanzas past the rate are neither dropped nor answered with errors: the peer's connection is not read for as long as
-- they were too many. TCP then slows the peer itself; nothing is lost or changes its order, no errors add to the traffic,
-- and what cannot be answered (presence, results) is treated like the rest. Every peer has connections of its own, so no
-- other waits. All streams of a peer count together.
--
-- Streams past the rate are closed with policy-violation and a text. A peer is charged when it has been authenticated, so
-- that nobody uses up the streams of a domain by only claiming to be it.
--
-- While the process drains it reads as fast as it can.
--
-- A peer is the domain that was authenticated first on a stream: what else is authenticated on it is the same server.

module:set_global();

local nameprep = require "prosody.util.encodings".stringprep.nameprep;
local monotonic = require "prosody.util.time".monotonic;
local limits = module:depends("xmppfed_limits").limits;

local stanza_burst, stream_burst = 5, 60; -- seconds whose share may come at once
local read_size = { least = 1024, most = 65536, of_stanza = 256 }; -- bytes

refused, slowed = 0, 0; -- streams, and times that reading waited; for the metrics

local draining = false;

-- Peer -> monotonic time until which what it did is paid, at its rate
local stanzas, streams = {}, {};

-- When a peer has paid, were it to do `count` more at the rate. What it did not use before the burst is lost.
local function paid_until(dues, peer, count, per_second, burst)
	return math.max(dues[peer] or 0, monotonic() - burst) + count / per_second;
end

local function charge_stanzas(session, count)
	local rate, conn = limits.stanzasPerSecond, session.conn;
	if not rate or draining then return; end
	local due = paid_until(stanzas, session.xmppfed_peer, count, rate, stanza_burst);
	stanzas[session.xmppfed_peer] = due;
	local wait = due - monotonic();
	if wait <= 0 then return; end
	slowed, session.xmppfed_paused_until = slowed + 1, due;
	-- What one read brings should be about a second's worth, or waits would be long.
	conn:set_mode(math.tointeger(math.min(math.max(rate * read_size.of_stanza, read_size.least), read_size.most)));
	conn:pausefor(wait);
end

module:hook("s2s-created", function (event)
	local session = event.session;
	if session.direction ~= "incoming" then return; end
	local data, seen = session.data, 0;
	function session.data(chunk)
		data(chunk);
		if session.destroyed then return; end
		local count = session.stream.handled() - seen;
		seen = seen + count;
		if session.xmppfed_peer and count > 0 then charge_stanzas(session, count); end
	end
end, -200); -- after mod_xmppfed_incoming, which may close the stream

module:hook("s2sin-established", function (event)
	local session = event.session;
	if session.xmppfed_peer then return; end -- one more domain on it
	for domain, state in pairs(session.hosts) do
		if state.authed then session.xmppfed_peer = domain; end
	end
	local rate = limits.streamsPerMinute;
	if rate then
		streams[session.xmppfed_peer] = paid_until(streams, session.xmppfed_peer, 1, rate / 60, stream_burst);
	end
end);

-- Closes a stream that is about to be authenticated for a peer which has too many. Returns true when it did.
local function refuse(session, peer)
	local rate = limits.streamsPerMinute;
	if not rate or not peer or session.type ~= "s2sin_unauthed" then return; end
	if paid_until(streams, peer, 1, rate / 60, stream_burst) <= monotonic() then return; end
	refused = refused + 1;
	session.log("warn", "Refused a stream of %s at %s: more than %d in a minute", peer, session.ip, rate);
	session.xmppfed_cause, session.xmppfed_cause_detail = "LimitReached", ("More than %d streams in a minute"):format(rate);
	session:close({ condition = "policy-violation", text = ("More than %d streams of %s in a minute"):format(rate, peer) });
	return true;
end

-- What peers have sent must be read before the end
module:hook("xmppfed-drain", function ()
	draining = true;
	for session in pairs(prosody.incoming_s2s) do
		if session.xmppfed_paused_until then session.conn:pausefor(0); end
	end
end);

function module.add_host(module)
	module:hook("stanza/jabber:server:dialback:result", function (event)
		return refuse(event.origin, nameprep(event.stanza.attr.from or ""));
	end, 60); -- after what refuses the peer, before it is asked whether it is who it says
	module:hook("stanza/urn:ietf:params:xml:ns:xmpp-sasl:auth", function (event)
		return refuse(event.origin, event.origin.from_host);
	end, 60); -- before mod_saslauth
end

module:add_timer(60, function ()
	local t = monotonic();
	for dues, burst in pairs { [stanzas] = stanza_burst, [streams] = stream_burst } do
		for peer, due in pairs(dues) do
			if due < t - burst then dues[peer] = nil; end
		end
	end
	return 60;
end);
