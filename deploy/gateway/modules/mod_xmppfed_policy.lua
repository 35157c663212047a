-- Federation connection manager, global and each local domain: whom the federation exchanges stanzas with (R11).
--
-- The setting `policy` (mod_xmppfed_settings): { default: "Allow" | "Deny", enforcement: "Enforce" | "Audit",
-- exceptions: NUMBER, lists: [FILE...], sums: [SHA-256...], digest: TEXT }. The lists are files beside it
-- (xmppfed_policy_rules.lib.lua), and sums says what they must be: a list of another time is none of this policy. They may
-- be long, so while the process serves they are read piece by piece, and the policy before holds until the end of that.
--
-- | allowed to a peer | its streams to us          | what it sends                      | what is sent to it         |
-- |-------------------|----------------------------|------------------------------------|----------------------------|
-- | both directions   | taken                      | passes                             | passes                     |
-- | Incoming          | taken                      | passes                             | policy-violation to sender |
-- | Outgoing          | taken, for its db:verify   | policy-violation to sender         | passes                     |
-- | neither           | closed, policy-violation   | dropped                            | policy-violation to sender |
--
-- Nothing at all is sent to a peer to which nothing may be sent: no result, no error, nor an error that the gateway makes.
-- Dialback (db:result, db:verify) passes where one direction is allowed: a peer verifies our streams on its own.
--
-- Audit: everything passes. What would not have is counted, and the peers that it is about are listed.
--
-- Invariant: what cannot be used changes nothing; at the start, when there is nothing before it, everything is denied.
-- Without the setting everything passes and nothing is looked at.

module:set_global();

local array = require "prosody.util.array";
local datetime = require "prosody.util.datetime".datetime;
local errors = require "prosody.util.error";
local jid_host = require "prosody.util.jid".host;
local nameprep = require "prosody.util.encodings".stringprep.nameprep;
local sha256 = require "prosody.util.hashes".sha256;
local st = require "prosody.util.stanza";
local add_task = require "prosody.util.timer".add_task;
local files = module:require "xmppfed_directory";
local new_rules = module:require "xmppfed_policy_rules".new;
local bounce = module:require "xmppfed_bounce".bounce;
local settings = module:depends("xmppfed_settings");

local directory = module:get_option_string("xmppfed_settings_directory");

local lines_at_once = 2000; -- of a list, some milliseconds
local max_listed = 1000; -- peers that Audit lists
local violation = "policy-violation";
local text = "The policy of this server does not allow messages with this domain";

local policy; -- in force: rules, audit, digest, default, exceptions, since; nil without one
local reading; -- the one that is being read
local failure; -- why the last one is not in force
local listed, listed_order = {}, {}; -- peer -> what Audit would have denied; peers, the one that was first listed comes first
decisions = {}; -- direction -> decision -> stanzas, for the metrics
refused_streams = 0; -- for the metrics

for _, direction in ipairs { "in", "out" } do
	decisions[direction] = { Allowed = 0, Denied = 0, WouldDeny = 0 };
end

local function list(peer, direction)
	local entry = listed[peer];
	if not entry then
		if #listed_order >= max_listed then listed[table.remove(listed_order, 1)] = nil; end
		table.insert(listed_order, peer);
		entry = { peer = peer; incoming = 0; outgoing = 0; since = datetime() };
		listed[peer] = entry;
	end
	entry.last, entry[direction] = datetime(), entry[direction] + 1;
end

-- Whether a stanza passes, counted. Second: whether its peer may be answered.
local function passes(peer, incoming)
	local may_come, may_go = policy.rules:decide(peer);
	local counts = decisions[incoming and "in" or "out"];
	if incoming and may_come or not incoming and may_go then
		counts.Allowed = counts.Allowed + 1;
	elseif policy.audit then
		counts.WouldDeny = counts.WouldDeny + 1;
		list(peer, incoming and "incoming" or "outgoing");
	else
		counts.Denied = counts.Denied + 1;
		return false, may_go;
	end
	return true;
end

-- Whether nothing may pass between a peer and us, in either direction
local function is_shut_out(peer)
	if not policy or policy.audit then return false; end
	local may_come, may_go = policy.rules:decide(peer);
	return not may_come and not may_go;
end

-- STREAMS ------------------------------------------------------------------------------------------------------------

local function refuse(session)
	refused_streams = refused_streams + 1;
	session.log("info", "The policy allows nothing with %s", session.from_host or session.to_host);
	session.xmppfed_cause, session.xmppfed_cause_detail = "PolicyRefused", text;
	session:close({ condition = violation, text = text });
end

-- Outgoing streams end in order: what is on them was sent before. Those that are kept for dialback carry nothing else,
-- for what waits for such a stream is answered here.
local function end_outgoing(session)
	local may_come, may_go = policy.rules:decide(session.to_host);
	if may_go or may_come and not (session.sendq and session.sendq:count() > 0) then return; end
	local why = errors.new { type = "cancel", condition = violation, text = text };
	session.log("info", "The policy does not allow that stanzas are sent to %s", session.to_host);
	session:close(nil, nil, why);
end

-- Streams that are open when the policy comes
local function look_at_streams()
	if not policy or policy.audit then return; end
	-- Copied first: whoever is closed leaves these tables
	local coming, going = {}, {};
	for session in pairs(prosody.incoming_s2s) do table.insert(coming, session); end
	for _, host in pairs(prosody.hosts) do
		for _, session in pairs(rawget(host, "s2sout") or {}) do table.insert(going, session); end
	end
	for _, session in ipairs(coming) do
		if session.from_host and is_shut_out(session.from_host) then refuse(session); end
	end
	for _, session in ipairs(going) do
		if session.direction == "outgoing" then end_outgoing(session); end
	end
end

-- THE SETTING --------------------------------------------------------------------------------------------------------

local started = false;
module:hook("server-started", function () started = true; end);

local function take(next_policy)
	policy, reading, failure = next_policy, nil, nil;
	listed, listed_order = {}, {};
	look_at_streams();
end

-- What holds where no policy was ever good
local function deny_all()
	take { rules = new_rules("Deny"), default = "Deny", audit = false, exceptions = 0, since = datetime() };
end

local function refuse_setting(why)
	if not started and not policy then deny_all(); end
	failure = why;
	return why;
end

-- sums: nil where the operator is of a version that does not write them
local function read_lists(names, sums)
	local texts = {};
	for i, name in ipairs(names) do
		local content = files.read(directory, name);
		if not content then return nil, name.." is missing"; end
		if sums and sha256(content, true) ~= sums[i] then return nil, name.." is of another policy"; end
		texts[i] = content;
	end
	return texts;
end

-- Reads a piece of the lists and says whether there is more
local function read_piece(wanted)
	local texts = wanted.texts;
	if texts[1] then
		wanted.place = wanted.rules:add(texts[1], wanted.place or 1, lines_at_once);
		if not wanted.place then table.remove(texts, 1); end
	end
	return texts[1] ~= nil;
end

local function finish(wanted)
	if wanted.rules.count ~= wanted.exceptions then
		return refuse_setting(("its lists have %d exceptions, not %d"):format(wanted.rules.count, wanted.exceptions));
	end
	wanted.since = datetime();
	take(wanted);
	module:log("info", "Policy %s is in force: default %s, %d exceptions%s", wanted.digest, wanted.default,
		wanted.exceptions, wanted.audit and ", Audit" or "");
end

local function is_whole(value)
	return type(value) == "table" and (value.default == "Allow" or value.default == "Deny")
		and (value.enforcement == "Enforce" or value.enforcement == "Audit")
		and type(value.exceptions) == "number" and type(value.lists) == "table" and type(value.digest) == "string";
end

settings.watch("policy", function (value, unreadable)
	if unreadable then return refuse_setting(unreadable); end
	if value == nil then return take(nil); end
	if not is_whole(value) then return refuse_setting("it is not one of this version"); end
	if policy and policy.digest == value.digest then
		reading, failure = nil, nil;
		return;
	end
	local texts, why = read_lists(value.lists, value.sums);
	if not texts then return refuse_setting(why); end
	local wanted = {
		rules = new_rules(value.default), texts = texts, default = value.default, audit = value.enforcement == "Audit";
		digest = value.digest, exceptions = value.exceptions;
	};
	if not started then
		while read_piece(wanted) do end
		return finish(wanted);
	end
	reading = wanted;
	add_task(0, function ()
		if reading ~= wanted then return; end -- another one has come
		if read_piece(wanted) then return 0; end
		reading = nil;
		finish(wanted);
	end);
end);

-- EACH LOCAL DOMAIN --------------------------------------------------------------------------------------------------

-- What a peer sends
local function incoming(event)
	local origin, stanza = event.origin, event.stanza;
	-- dummy: an error in the name of a peer, which this process made (xmppfed_bounce.lib.lua)
	if not policy or origin.type ~= "s2sin" or origin.dummy then return; end
	local ok, may_answer = passes(jid_host(stanza.attr.from), true);
	if ok then return; end
	if may_answer and stanza.attr.type ~= "error" and stanza.attr.type ~= "result" then
		origin.send(st.error_reply(stanza, "cancel", violation, text));
	end
	return true;
end

-- What is sent to a peer, whoever made it
local function outgoing(event)
	if not policy then return; end
	local stanza, peer = event.stanza, event.to_host;
	if stanza.name == "db:verify" then
		if is_shut_out(peer) then return true; end
		return;
	end
	if passes(peer, false) then return; end
	bounce(stanza, "cancel", violation, text);
	return true;
end

function module.add_host(module)
	module:hook("s2s-stream-features", function (event)
		local session = event.origin;
		if session.direction ~= "incoming" or not session.from_host or not is_shut_out(session.from_host) then return; end
		refuse(session);
		return true;
	end, 2000); -- before anything is offered

	module:hook("stanza/jabber:server:dialback:result", function (event)
		local session, attr = event.origin, event.stanza.attr;
		local peer = session.direction == "incoming" and attr.from and nameprep(attr.from);
		if not peer or not is_shut_out(peer) then return; end
		if session.type == "s2sin" then
			-- One more domain on a stream that is authenticated for others
			refused_streams = refused_streams + 1;
			session.sends2s(st.stanza("db:result", { from = attr.to, to = attr.from, type = "error" })
				:tag("error", { type = "cancel" }):tag(violation, { xmlns = "urn:ietf:params:xml:ns:xmpp-stanzas" }));
		else
			refuse(session);
		end
		return true;
	end, 200); -- before what looks at the peer's security, and mod_dialback

	for _, name in ipairs { "iq", "message", "presence" } do
		for _, kind in ipairs { "bare", "full", "host" } do
			module:hook(name.."/"..kind, incoming, 500);
		end
	end
	module:hook("route/remote", outgoing, 500);
end

-- For the status: nil without a policy
function report()
	if not policy and not failure then return nil; end
	local would_deny = array {};
	for _, peer in ipairs(listed_order) do would_deny:push(listed[peer]); end
	local now = policy or {};
	return {
		digest = now.digest, default = now.default, enforcement = policy and (now.audit and "Audit" or "Enforce");
		exceptions = now.exceptions, since = now.since, reading = reading and reading.digest, failure = failure;
		wouldDeny = would_deny;
	};
end

-- The same in short, for those who ask often
function in_force()
	return { digest = policy and policy.digest, failure = failure };
end
