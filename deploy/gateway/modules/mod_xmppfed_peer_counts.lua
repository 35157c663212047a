-- Federation connection manager, global: what the metrics tell of each peer, with a bound on the peers that have a name
-- there.
--
-- The peers with the most stanzas have a name, everybody else is "other". A place that is free goes to the first peer
-- that exchanges a stanza. When none is free, once a minute a peer with more than twice the recent stanzas of a named one
-- takes its place. A stranger gets no name: stanzas go over authenticated streams only.
--
-- Invariant: no counter of a series ever goes back. What was counted for "other" before a peer had a name stays there;
-- the series of a peer that loses its place end, and begin at 0 should it come back.
--
-- Options: xmppfed_named_peers (integer)   peers with a name (50)

module:set_global();

local parse_time = require "prosody.util.datetime".parse;
local peers = module:depends("xmppfed_peers");

local limit = module:get_option_integer("xmppfed_named_peers", 50, 0);
local review_interval = 60; -- seconds
local max_candidates = 5000; -- peers; as many as there may be streams

local function new_entry()
	return { stanzas = { incoming = 0, outgoing = 0 }, failures = { incoming = {}, outgoing = {} } };
end

local named, named_count = {}, 0; -- peer -> entry
local other = new_entry();
local scores, candidates = {}, 0; -- peer -> stanzas lately, halved once a minute; how many peers

local function score(peer, stanzas)
	if not scores[peer] then
		if candidates >= max_candidates then return; end
		candidates = candidates + 1;
	end
	scores[peer] = (scores[peer] or 0) + stanzas;
end

-- Counts what a stream carried since it was last looked at
local function settle(session, peer)
	local now = session.xmppfed_stanzas or 0;
	local stanzas = now - (session.xmppfed_settled or 0);
	if stanzas == 0 or not peer then return; end
	session.xmppfed_settled = now;
	score(peer, stanzas);
	if not named[peer] and named_count < limit and peer ~= "other" then named[peer], named_count = new_entry(), named_count + 1; end
	local counts = (named[peer] or other).stanzas;
	counts[session.direction] = counts[session.direction] + stanzas;
end

module:hook("s2s-destroyed", function (event)
	local session = event.session;
	settle(session, session.direction == "outgoing" and session.to_host or session.from_host);
end);

module:hook("xmppfed-stream-failed", function (failure)
	local counts = (failure.peer and named[failure.peer] or other).failures[failure.direction];
	counts[failure.cause] = (counts[failure.cause] or 0) + 1;
end);

-- The peers of a table with their scores, the lowest first
local function ranked(of, wanted)
	local list = {};
	for peer in pairs(of) do
		if wanted(peer) then table.insert(list, { peer = peer, score = scores[peer] or 0 }); end
	end
	table.sort(list, function (a, b) return a.score < b.score or a.score == b.score and a.peer < b.peer; end);
	return list;
end

module:add_timer(review_interval, function ()
	peers.each(settle);
	local weakest = ranked(named, function () return true; end);
	local strongest = ranked(scores, function (peer) return not named[peer]; end);
	for _, holder in ipairs(weakest) do
		local candidate = table.remove(strongest);
		if not candidate or candidate.score <= 2 * holder.score then break; end
		named[holder.peer], named[candidate.peer] = nil, new_entry();
	end
	for peer, recent in pairs(scores) do
		if recent >= 2 then scores[peer] = recent / 2; else scores[peer], candidates = nil, candidates - 1; end
	end
	return review_interval;
end);

-- name -> { stanzas, failures, streams = direction -> authentication -> count, not_after = of the certificate of its
-- that expires first, seconds since the epoch }; "other" has no not_after
function report()
	peers.each(settle);
	local told = { other = { stanzas = other.stanzas, failures = other.failures, streams = { incoming = {}, outgoing = {} } } };
	for peer, entry in pairs(named) do
		told[peer] = { stanzas = entry.stanzas, failures = entry.failures, streams = { incoming = {}, outgoing = {} } };
	end
	peers.each(function (session, peer)
		local authentication = peers.authentication_of(session);
		if not authentication then return; end
		local entry = told[peer] or told.other;
		local counts = entry.streams[session.direction];
		counts[authentication] = (counts[authentication] or 0) + 1;
		local certificate = session.xmppfed_certificate;
		local not_after = certificate and certificate.notAfter and parse_time(certificate.notAfter);
		if not_after and entry ~= told.other then entry.not_after = math.min(not_after, entry.not_after or not_after); end
	end);
	return told;
end
