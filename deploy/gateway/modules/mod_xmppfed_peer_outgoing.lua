-- Federation connection manager, each local domain: streams to peers. A stream that the peer's settings do not allow is
-- closed as soon as that is known, with the reason: it goes back to whoever sent something, and into the status.
--
-- EXTERNAL is sent to a peer only where its certificate verifies: Prosody by itself takes it from whoever offers it, and
-- whoever offers it then need not prove by DNS that it is the peer.

local certificate_problem = module:require "xmppfed_certificate".problem;
local security = module:depends("xmppfed_peer_security");
local settings = module:depends("xmppfed_peer_settings");
local second_try = module:depends("xmppfed_second_try");

local xmlns_sasl = "urn:ietf:params:xml:ns:xmpp-sasl";
local xmlns_streams = "http://etherx.jabber.org/streams";
local xmlns_tls = "urn:ietf:params:xml:ns:xmpp-tls";

local tls_demanded = "the peer demands TLS, and the settings for it say NoTLS";

module:hook("s2sout-created", function (event)
	local session = event.session;
	-- Neither STARTTLS (mod_tls) nor direct TLS (mod_s2s)
	if settings.of(session.to_host).mode == "NoTLS" then session.ssl_ctx = false; end
end, 10); -- before mod_tls

local function offers_external(features)
	local mechanisms = features:get_child("mechanisms", xmlns_sasl);
	for mechanism in mechanisms and mechanisms:childtags("mechanism") or function () end do
		if mechanism:get_text() == "EXTERNAL" then return true; end
	end
	return false;
end

module:hook_tag(xmlns_streams, "features", function (session, features)
	if session.type ~= "s2sout_unauthed" then return nil; end
	local demands = settings.of(session.to_host);
	if not session.secure then
		local offer = features:get_child("starttls", xmlns_tls);
		if demands.mode == "TLSRequired" and not offer then
			return security.refuse(session, "TLS is required, and the peer does not offer it");
		end
		if demands.mode == "NoTLS" and offer and offer:get_child("required") then
			session.xmppfed_cause, session.xmppfed_cause_detail = "TLSDemanded", tls_demanded;
			return security.refuse(session, tls_demanded, "unsupported-feature");
		end
		return nil;
	end
	if security.objection(session, session.to_host, "EXTERNAL", demands)
	or second_try.external_failures:has(session.to_host) and not security.needs_external(demands, "outgoing") then
		features:maptags(function (tag)
			if tag.name == "mechanisms" and tag.attr.xmlns == xmlns_sasl then return nil; end
			return tag;
		end);
	end
	return nil;
end, 600); -- before mod_tls (500)

module:hook_tag(xmlns_streams, "features", function (session, features)
	if session.type ~= "s2sout_unauthed" then return nil; end
	local demands = settings.of(session.to_host);
	if not security.needs_external(demands, "outgoing") or session.secure and offers_external(features) then return nil; end
	local problem = certificate_problem(session, session.to_host);
	local why = not session.secure and "the peer does not offer TLS"
		or problem and ("%s %s"):format(session.to_host, problem)
		or "the peer does not offer it";
	return security.refuse(session, ("SASL EXTERNAL is needed, and %s"):format(why), "unsupported-feature");
end, 400); -- after mod_tls, before mod_saslauth (150) and mod_dialback (100)

module:hook_tag(xmlns_sasl, "failure", function (session, failure)
	if session.type ~= "s2sout_unauthed" or not security.needs_external(settings.of(session.to_host), "outgoing") then return nil; end
	local condition = failure.tags[1] and failure.tags[1].name or "without a reason";
	return security.refuse(session, ("SASL EXTERNAL is needed, and the peer refused it: %s"):format(condition), "not-authorized");
end, 200); -- after mod_saslauth (500), before mod_dialback (100) falls back

-- A peer from before XMPP 1.0: it has neither TLS nor SASL
module:hook("s2sout-authenticate-legacy", function (event)
	local session = event.origin;
	local why = security.objection(session, session.to_host, "dialback");
	return why and security.refuse(session, ("%s, and the peer does not speak XMPP 1.0"):format(why)) or nil;
end, 300); -- before mod_tls and mod_dialback
