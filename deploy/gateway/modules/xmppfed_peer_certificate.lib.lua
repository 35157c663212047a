-- What is wrong with the certificate of the other side of a stream, in words that end the sentence "the certificate of
-- DOMAIN …" or "DOMAIN …".

local verify_identity = require "prosody.util.x509".verify_identity;

-- OpenSSL's words, from what tells most to what tells least
local chain_problems = {
	{ "certificate has expired", "has expired" };
	{ "certificate is not yet valid", "is not valid yet" };
	{ "certificate revoked", "has been revoked" };
	{ "self-signed certificate", "is self-signed" };
	{ "self signed certificate", "is self-signed" };
	{ "certificate in certificate chain", "is of an authority that is not trusted" }; -- self-signed … in …
	{ "unable to get local issuer certificate", "is of an authority that is not trusted, or a part of its chain is missing" };
	{ "unable to verify the first certificate", "is of an authority that is not trusted, or a part of its chain is missing" };
};

local function chain_problem(errors)
	if type(errors) ~= "table" then return ("is not trusted: %s"):format(tostring(errors or "no reason is given")); end
	-- What is wrong with the certificate itself comes before what is wrong with its issuers
	local found, first = {}, nil;
	for depth = 1, 10 do
		for _, text in ipairs(errors[depth] or {}) do
			found[text], first = true, first or text;
		end
		if first then break; end
	end
	for _, problem in ipairs(chain_problems) do
		if found[problem[1]] then return problem[2]; end
	end
	return ("is not trusted: %s"):format(first or "no reason is given");
end

-- nil: the certificate of this stream speaks for this domain, which need not be the one that the stream was opened as
local function problem(session, domain)
	if not session.secure then return "shows no certificate, for there is no TLS"; end
	local certificate = session.conn and session.conn:ssl_peercertificate();
	if not certificate then return "shows no certificate"; end
	if session.cert_chain_status ~= "valid" then
		return "has a certificate that "..chain_problem(session.cert_chain_errors);
	end
	if not domain or verify_identity(domain, "xmpp-server", certificate) then return nil; end
	return "has a certificate for another name";
end

return { problem = problem };
