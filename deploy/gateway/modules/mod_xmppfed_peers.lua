-- Both roles, global: what is true of each stream now, and why streams failed last. On the federation connection manager
-- the other sides are peers, on the router the internal server in the name of its domains.
--
-- Each failure has a cause of a closed list (xmppfed_cause.lib.lua). The last one is kept for each peer and direction,
-- 1,000 in all; the one that was first to fail goes first.
--
-- Event: xmppfed-stream-failed { peer, ["local"], direction, cause, detail, at }; peer is nil where it is not known

module:set_global();

local array = require "prosody.util.array";
local datetime = require "prosody.util.datetime".datetime;
local certificates = module:require "xmppfed_certificate";
local causes = module:require "xmppfed_cause";

local xmlns_sasl = "urn:ietf:params:xml:ns:xmpp-sasl";

local max_failures = 1000;
local max_domain = 255; -- bytes; DNS has none that is longer, and a stranger may say what it likes
local max_detail = 256; -- bytes

local function peer_of(session)
	if session.direction == "outgoing" then return session.to_host, session.from_host; end
	return session.from_host, session.to_host;
end

-- FAILURES -----------------------------------------------------------------------------------------------------------

local failures, failure_order = {}, {}; -- key -> last failure; keys, the one that failed first comes first

local function remember(failure)
	local key = failure.direction.." "..failure.peer;
	if not failures[key] then
		if #failure_order >= max_failures then failures[table.remove(failure_order, 1)] = nil; end
		table.insert(failure_order, key);
	end
	failures[key] = failure;
end

-- For modules that know of a failure that ends no stream
function failed(peer, local_domain, direction, cause, detail, at)
	local failure = {
		peer = peer and certificates.cut(peer, max_domain);
		["local"] = local_domain and certificates.cut(local_domain, max_domain);
		direction = direction;
		cause = cause;
		detail = detail and detail ~= "" and certificates.cut(detail, max_detail) or nil;
		at = at or datetime();
	};
	if peer then remember(failure); end
	module:fire_event("xmppfed-stream-failed", failure);
end

module:hook("s2s-destroyed", function (event)
	local session = event.session;
	local peer, local_domain = peer_of(session);
	local direction, at = session.direction, datetime();
	causes.find(session, event.reason, function (cause, detail)
		failed(peer, local_domain, direction, cause, detail, at);
	end);
end);

-- One of several peers on a stream that stays (mod_xmppfed_peer_incoming)
module:hook("xmppfed-peer-refused", function (event)
	failed(event.peer, event["local"], event.direction, event.cause, event.reason);
end);

-- What causes are found by

-- Notes who closes a stream and how: what comes with s2s-destroyed is a text alone
module:hook("s2s-created", function (event)
	local session = event.session;
	local close = session.close;
	function session:close(reason, remote_reason, bounce_reason)
		if not self.xmppfed_closed then
			-- mod_s2s makes "condition (text)" of a stream error of the other side
			local of_peer = reason == nil and type(remote_reason) == "string" and (remote_reason.." ("):match("^([%l-]+) %(");
			local condition = type(reason) == "table" and reason.condition or type(reason) == "string" and reason or nil;
			self.xmppfed_closed = {
				by = (of_peer or reason == false) and "peer" or "us";
				condition = of_peer or condition;
				text = of_peer and remote_reason or type(reason) == "table" and reason.text or nil;
				too_big = type(reason) == "table" and reason.extra and reason.extra.name == "stanza-too-big" or nil;
			};
		end
		return close(self, reason, remote_reason, bounce_reason);
	end
end);

-- A resolver that notes what it gives
local function noting(resolver, session)
	local watched = {};
	function watched:next(callback)
		resolver:next(function (kind, address, port, ...)
			if kind then session.xmppfed_target = ("%s port %d"):format(address, port); end
			self.last_error = resolver.last_error;
			callback(kind, address, port, ...);
		end);
	end
	return watched;
end

function module.add_host(module)
	module:hook("s2sout-pre-connect", function (event)
		event.resolver = noting(event.resolver, event.session);
	end, -100); -- after mod_xmppfed_upstream

	-- The peer's word on our key, before mod_dialback closes the stream for it
	module:hook("stanza/jabber:server:dialback:result", function (event)
		local session, element = event.origin, event.stanza;
		if session.direction ~= "outgoing" or element.attr.type == "valid" then return; end
		local _, condition, text = element:get_error();
		session.xmppfed_dialback = { type = element.attr.type, condition = element.attr.type == "error" and (text or condition) or nil };
	end, 1000);

	-- The word of the peer's own server on the key of a stream that came in. Its sender is told and may go on or not.
	module:hook("stanza/jabber:server:dialback:verify", function (event)
		local session, attr = event.origin, event.stanza.attr;
		if session.direction ~= "outgoing" or attr.type == "valid" or not attr.type then return; end
		failed(session.to_host, session.from_host, "incoming", attr.type == "error" and "DialbackNotVerified" or "DialbackKeyInvalid", ("its server says %s"):format(attr.type));
	end, 1000);

	-- Dialback may still identify us: the stream lives, and says by itself what it came to
	module:hook_tag(xmlns_sasl, "failure", function (session)
		if session.external_auth ~= "failed" then return; end
		failed(session.to_host, session.from_host, "outgoing", "ExternalRefused", tostring(session.external_auth_failure_reason));
	end, 400); -- after mod_saslauth has noted why
end

-- STREAMS ------------------------------------------------------------------------------------------------------------

local function certificate_of(session)
	if session.xmppfed_certificate or not session.secure or not session.cert_chain_status then return session.xmppfed_certificate; end
	local certificate = session.conn:ssl_peercertificate();
	local told = certificate and certificates.describe(certificate) or {};
	local _, cause, detail = certificates.problem(session, (peer_of(session)));
	told.state, told.detail = cause and cause:gsub("^Certificate", "") or "Valid", detail;
	session.xmppfed_certificate = told;
	return told;
end

local function on_established(event)
	event.session.xmppfed_since = os.time();
	certificate_of(event.session);
end
module:hook("s2sin-established", on_established);
module:hook("s2sout-established", on_established);

function tls_of(conn)
	local tls = conn and conn:ssl() and conn:ssl_info();
	return tls and { version = tls.protocol; cipher = tls.cipher } or nil;
end

-- How the two servers identified each other
function authentication_of(session)
	if session.type ~= "s2sin" and session.type ~= "s2sout" then return nil; end
	return session.external_auth == "succeeded" and "SASL EXTERNAL" or session.secure and "dialback in TLS" or "dialback";
end

local function stream(session)
	local peer, local_domain = peer_of(session);
	local authentication = authentication_of(session);
	return {
		peer = peer;
		["local"] = local_domain;
		direction = session.direction;
		state = authentication and "Authenticated" or "Negotiating";
		address = session.ip;
		tls = session.secure and tls_of(session.conn) or nil;
		authentication = authentication;
		certificate = certificate_of(session);
		since = session.xmppfed_since and datetime(session.xmppfed_since) or nil;
		stanzas = session.xmppfed_stanzas or 0;
		queued = session.sendq and session.sendq:count() or 0;
	};
end

-- Calls back for each stream, in no order
function each(callback)
	for session in pairs(prosody.incoming_s2s) do callback(session, peer_of(session)); end
	for _, host in pairs(prosody.hosts) do
		for _, session in pairs(rawget(host, "s2sout") or {}) do
			if session.direction == "outgoing" then callback(session, peer_of(session)); end
		end
	end
end

-- For the status. With a domain: that peer's alone.
function report(domain)
	local streams, failed_streams = array {}, array {};
	each(function (session, peer)
		if not domain or peer == domain then streams:push(stream(session)); end
	end);
	for _, key in ipairs(failure_order) do
		if not domain or failures[key].peer == domain then failed_streams:push(failures[key]); end
	end
	return streams, failed_streams;
end
