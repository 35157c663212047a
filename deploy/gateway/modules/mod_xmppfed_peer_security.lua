-- Federation connection manager, each local domain: what a peer must be before we identify ourselves to it.
--
-- Certificates are checked opportunistically: SASL EXTERNAL (XEP-0178) with a peer whose certificate verifies, else
-- dialback (XEP-0220) inside TLS. Prosody holds to that on incoming streams; on outgoing ones it takes EXTERNAL from
-- whoever offers it, and whoever offers it then need not prove by DNS that it is the peer.

local xmlns_sasl = "urn:ietf:params:xml:ns:xmpp-sasl";
local xmlns_streams = "http://etherx.jabber.org/streams";

local function is_verified(session)
	return session.secure and session.cert_chain_status == "valid" and session.cert_identity_status == "valid";
end

module:hook_tag(xmlns_streams, "features", function (session, features)
	if session.type ~= "s2sout_unauthed" or is_verified(session) then return; end
	features:maptags(function (tag)
		if tag.name == "mechanisms" and tag.attr.xmlns == xmlns_sasl then return nil; end
		return tag;
	end);
end, 200); -- before mod_saslauth (150)
