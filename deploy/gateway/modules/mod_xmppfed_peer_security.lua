-- Federation connection manager, each local domain: what must hold before a peer and we identify ourselves to each other.
--
-- Encryption is required (s2s_require_encryption). Prosody closes a stream without it only when dialback is through;
-- until then, and where the peer's own server does not answer, for 90 s, the peer waits. It is told at once here.
--
-- Certificates are checked opportunistically: SASL EXTERNAL (XEP-0178) with a peer whose certificate verifies, else
-- dialback (XEP-0220) inside TLS. Prosody holds to that on incoming streams; on outgoing ones it takes EXTERNAL from
-- whoever offers it, and whoever offers it then need not prove by DNS that it is the peer.

local xmlns_sasl = "urn:ietf:params:xml:ns:xmpp-sasl";
local xmlns_streams = "http://etherx.jabber.org/streams";

local function is_verified(session)
	return session.secure and session.cert_chain_status == "valid" and session.cert_identity_status == "valid";
end

module:hook("stanza/jabber:server:dialback:result", function (event)
	local session = event.origin;
	if session.direction ~= "incoming" or session.secure then return; end
	session.log("warn", "Refused %s at %s: it wants to be identified without encryption", event.stanza.attr.from, session.ip);
	session:close({ condition = "policy-violation", text = "Encryption is required: start TLS first" });
	return true;
end, 100); -- before mod_dialback

module:hook_tag(xmlns_streams, "features", function (session, features)
	if session.type ~= "s2sout_unauthed" or is_verified(session) then return; end
	features:maptags(function (tag)
		if tag.name == "mechanisms" and tag.attr.xmlns == xmlns_sasl then return nil; end
		return tag;
	end);
end, 200); -- before mod_saslauth (150)
