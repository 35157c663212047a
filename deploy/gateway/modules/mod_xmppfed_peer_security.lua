-- Federation connection manager, global and on each local domain: whether a peer and this server may be identified to
-- each other in the way that they are about to be. docs/security.md has the whole table.
--
-- Prosody demands nothing (s2s_require_encryption and s2s_secure_auth are off): what is demanded is decided here, for each
-- peer, from what its stream is at that moment. mod_xmppfed_peer_incoming and mod_xmppfed_peer_outgoing ask early, so that
-- a peer is told at once; here everything that is about to become authenticated is asked again.
--
-- Settings that change hold for new streams at once, and streams that they would refuse are closed.

module:set_global();

local certificate_problem = module:require "xmppfed_certificate".problem;
local settings = module:depends("xmppfed_peer_settings");

local function unreadable()
	return ("the security settings cannot be read: %s"):format(settings.unreadable);
end

-- Why a peer must not be identified by this mechanism ("EXTERNAL" or "dialback") on this stream; nil: it may.
-- `demands` are those of the peer, unless others are given.
function objection(session, domain, mechanism, demands)
	if settings.unreadable then return unreadable(); end
	demands = demands or settings.of(domain);
	local use = demands.saslExternal and demands.saslExternal[session.direction];
	if demands.mode == "TLSRequired" and not session.secure then return "TLS is required"; end
	local problem = certificate_problem(session, domain);
	if session.secure and demands.peerCertificates == "Strict" and problem then
		return ("a certificate that verifies is required, and %s %s"):format(domain or "the peer", problem);
	end
	if mechanism == "EXTERNAL" then
		if use == "Disabled" then return "SASL EXTERNAL is disabled"; end
		if problem then return ("SASL EXTERNAL needs a certificate that verifies, and %s %s"):format(domain, problem); end
	elseif use == "Required" then
		return "SASL EXTERNAL is required, dialback is not taken";
	elseif demands.dialback.mode == "Disabled" then
		return "dialback is disabled, SASL EXTERNAL is needed";
	end
	return nil;
end

-- Whether nothing but SASL EXTERNAL is left for this direction
function needs_external(demands, direction)
	return demands.dialback.mode == "Disabled" or demands.saslExternal ~= nil and demands.saslExternal[direction] == "Required";
end

-- Closes a stream and says why: to the peer, in the log, and by that in the status. Returns true.
function refuse(session, why, condition)
	local peer = session.from_host;
	if session.direction == "outgoing" then peer = session.to_host; end
	session.log("warn", "Refused the %s stream of %s at %s: %s", session.direction, peer or "a peer that did not say who it is",
		session.ip or (session.conn and session.conn:ip()) or "an unknown address", why);
	session:close({ condition = condition or "policy-violation", text = why });
	return true;
end

module:hook("s2s-check-certificate", function (event)
	local session, domain = event.session, event.host;
	if settings.of(domain).peerCertificates ~= "Strict" or settings.unreadable then return nil; end
	local problem = certificate_problem(session, domain);
	if not problem then return nil; end
	refuse(session, ("a certificate that verifies is required, and %s %s"):format(domain or "the peer", problem), "not-authorized");
	return false;
end, -0.5); -- after mod_s2s_auth_certs, before mod_s2s

-- The mechanism by which a peer is authenticated on a stream
local function mechanism_of(session, domain)
	local own = session.direction == "incoming" and session.from_host or session.to_host;
	return domain == own and session.external_auth == "succeeded" and "EXTERNAL" or "dialback";
end

local function check_stream(session)
	if session.type == "s2sout" then
		return objection(session, session.to_host, mechanism_of(session, session.to_host));
	end
	for domain, state in pairs(session.hosts) do
		local why = state.authed and objection(session, domain, mechanism_of(session, domain));
		if why then return why; end
	end
	return nil;
end

module:hook("xmppfed-peer-settings", function ()
	local streams = {};
	for session in pairs(prosody.incoming_s2s) do table.insert(streams, session); end
	for _, host in pairs(prosody.hosts) do
		for _, session in pairs(rawget(host, "s2sout") or {}) do table.insert(streams, session); end
	end
	for _, session in ipairs(streams) do
		local why = (session.type == "s2sin" or session.type == "s2sout") and check_stream(session);
		if why then refuse(session, ("the security settings have changed: %s"):format(why)); end
	end
end);

function module.add_host(module)
	module:hook("s2s-authenticated", function (event)
		local session = event.session;
		if session.destroyed then return nil; end
		local why = objection(session, event.host, event.mechanism);
		if not why then return nil; end
		refuse(session, why);
		return false;
	end, 300);
end
