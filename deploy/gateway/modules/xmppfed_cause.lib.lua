-- Why a stream with a peer failed: a code of a closed list. src/gateway/failure-causes.ts has the words and the remedy of
-- each; a test compares the two lists.
--
-- What is gone by is what the stream had reached, which mod_xmppfed_peers notes on the session:
--   xmppfed_cause    code, and `xmppfed_cause_detail`: by a module that ends the stream by a decision of its own
--   xmppfed_target   address and port that was last connected to; outgoing
--   xmppfed_dialback answer to our dialback key: its type, and the error condition where it has one
--   xmppfed_refused  whether a peer on it was refused, which has been told (xmppfed-peer-refused)
--   xmppfed_closed   { by = "us" or "peer", condition, text }: how the stream was closed

local certificate_problem = module:require "xmppfed_certificate".problem;
local dns = module:require "xmppfed_service_records";
-- The router demands nothing of its internal server
local security = module:get_option_string("xmppfed_role") == "federation" and module:depends("xmppfed_peer_security");
local settings = security and module:depends("xmppfed_peer_settings");

local causes = {
	-- DNS
	"NameNotFound", "ServiceNotOffered", "TargetNotFound", "DNSFailed",
	-- TCP
	"ConnectionRefused", "ConnectionTimeout", "Unreachable",
	-- Stream
	"StreamNotAnswered", "NotXMPP", "PeerDomainUnknown", "LocalDomainUnknown",
	-- TLS
	"TLSNotOffered", "TLSNotUsed", "TLSDemanded", "TLSHandshakeFailed",
	-- Certificates
	"CertificateMissing", "CertificateExpired", "CertificateNotYetValid", "CertificateUntrusted",
	"CertificateWrongName", "OwnCertificateRefused",
	-- Authentication
	"ExternalNeeded", "ExternalRefused", "DialbackUnsupported", "DialbackRefused", "DialbackFailed",
	"DialbackNotAnswered", "DialbackKeyInvalid", "DialbackNotVerified", "NegotiationTimeout",
	-- What we or they do not want
	"PolicyRefused", "LimitReached", "ClosedByPeer", "ConnectionLost",
};

local function is_established(session) return session.type == "s2sin" or session.type == "s2sout"; end

local function peer_of(session)
	if session.direction == "incoming" then return session.from_host; end
	return session.to_host;
end

local function demands_on(session) return settings and settings.of(peer_of(session)); end

-- Whether the settings of the peer have no TLS
local function is_without_tls(session)
	local demands = demands_on(session);
	return demands and demands.mode == "NoTLS";
end

-- Outgoing, no connection
local function of_connecting(session, reason, callback)
	if not session.xmppfed_target then
		return dns.failure(session.to_host, callback);
	end
	local text = reason:lower();
	local detail = ("%s: %s"):format(session.xmppfed_target, reason);
	if text:find("refused") then return callback("ConnectionRefused", detail); end
	if text:find("timeout") or text:find("timed out") then return callback("ConnectionTimeout", detail); end
	return callback("Unreachable", detail);
end

-- A stream error of the peer's (RFC 6120 section 4.9.3)
local function of_peers_error(session, condition, detail)
	if is_established(session) then return "ClosedByPeer", detail; end
	if condition == "host-unknown" then
		return session.direction == "outgoing" and "PeerDomainUnknown" or "LocalDomainUnknown", detail;
	end
	if detail:lower():find("certificate") then return "OwnCertificateRefused", detail; end
	if session.dialback_key then
		if condition == "unsupported-stanza-type" then return "DialbackUnsupported", detail; end
		if condition == "not-authorized" then return "DialbackRefused", detail; end
	end
	if condition == "policy-violation" and (detail:find("TLS") or detail:find("ncrypt")) and is_without_tls(session) then return "TLSDemanded", detail; end
	if session.starttls == "initiated" then return "TLSNotOffered", detail; end
	if session.external_auth == "attempting" then return "ExternalRefused", detail; end
	return "ClosedByPeer", detail;
end

-- Nothing came any more until our time for it was over
local function of_silence(session, detail)
	if session.secure == false then return "TLSHandshakeFailed", detail; end
	if session.direction == "incoming" then
		local peer = session.hosts[session.from_host];
		return peer and peer.dialback_key and "DialbackNotVerified" or "NegotiationTimeout", detail;
	end
	if not session.had_stream then return "StreamNotAnswered", detail; end
	if session.dialback_key then return "DialbackNotAnswered", detail; end
	if session.starttls == "initiated" then return "TLSNotOffered", detail; end
	return "NegotiationTimeout", detail;
end

local bad_xml = { ["invalid-namespace"] = true, ["not-well-formed"] = true, ["invalid-xml"] = true, ["bad-format"] = true };

-- What mod_xmppfed_peer_security and its like demand of the peer and the stream does not have; nil where it has all
local function unmet(session)
	local demands = demands_on(session);
	if not demands then return nil; end
	local external = security.needs_external(demands, session.direction);
	if not session.secure then
		if demands.mode ~= "TLSRequired" and not external then return nil; end
		return session.direction == "outgoing" and "TLSNotOffered" or "TLSNotUsed";
	end
	if demands.peerCertificates == "Strict" or external then
		local _, cause = certificate_problem(session, peer_of(session));
		if cause then return cause; end
	end
	return external and "ExternalNeeded" or nil;
end

-- A stream that we closed with an error
local function of_our_error(session, condition, detail, is_too_big)
	if condition == "connection-timeout" then return of_silence(session, detail); end
	if condition == "resource-constraint" or is_too_big then return "LimitReached", detail; end
	if bad_xml[condition] then return "NotXMPP", detail; end
	if session.direction == "incoming" and condition == "host-unknown" then return "LocalDomainUnknown", detail; end
	if condition == "remote-connection-failed" then return "DialbackNotVerified", detail; end
	if session.secure == false then return "TLSHandshakeFailed", detail; end
	if session.xmppfed_dialback and condition == "not-authorized" then
		return session.xmppfed_dialback.type == "error" and "DialbackFailed" or "DialbackRefused", session.xmppfed_dialback.condition or detail;
	end
	local cause = unmet(session);
	if cause then return cause, detail; end
	return "PolicyRefused", detail;
end

-- The connection ended and the stream had not been closed
local function of_lost_connection(session, detail)
	if session.secure == false then
		return detail:find("alert") and detail:find("certificate") and "OwnCertificateRefused" or "TLSHandshakeFailed", detail;
	end
	if is_established(session) then return "ConnectionLost", detail; end
	if detail:find("alert") then return "OwnCertificateRefused", detail; end
	if session.external_auth == "attempting" then return "ExternalRefused", detail; end
	if session.direction == "outgoing" and not session.had_stream then return "StreamNotAnswered", detail; end
	return "ConnectionLost", detail;
end

-- callback(cause, detail) is called once, at once or when DNS has answered; not at all where nothing failed: a stream
-- that was closed in order, or a connection without a stream; nor where it has been told before.
local function find(session, reason, callback)
	if session.xmppfed_cause then return callback(session.xmppfed_cause, session.xmppfed_cause_detail or ""); end
	local text = type(reason) == "table" and (reason.text or reason.condition) or reason and tostring(reason);
	if session.direction == "outgoing" and not session.conn then return of_connecting(session, text or "", callback); end
	local closed = session.xmppfed_closed;
	-- Prosody asks for it (<starttls/>) though it is not offered
	if session.starttls == "requested" and is_without_tls(session) then return callback("TLSDemanded", "it asks for TLS"); end
	if not closed then
		-- A server that only asks to have a key verified may hang up; who is in the middle of something may not.
		if not text and (session.direction == "incoming" and session.secure ~= false or is_established(session)) then return; end
		return callback(of_lost_connection(session, text or "closed"));
	end
	if closed.by == "peer" then
		if not closed.condition or session.xmppfed_refused and not is_established(session) then return; end
		return callback(of_peers_error(session, closed.condition, closed.text));
	end
	if closed.condition then return callback(of_our_error(session, closed.condition, closed.text or closed.condition, closed.too_big)); end
	if session.external_auth == "failed" then return; end -- ExternalRefused has been told when it came
	if text and session.dialback_key then return callback(of_silence(session, text)); end
	if text and session.starttls == "initiated" then return callback("TLSNotOffered", text); end
	if text then return callback("ClosedByPeer", text); end
end

return { causes = causes, find = find, of_peers_error = of_peers_error };
