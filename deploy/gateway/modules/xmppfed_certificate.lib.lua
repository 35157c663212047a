-- What is told of a certificate, and what is wrong with that of a peer. Uses nothing of a module: mod_xmppfed_peers and
-- xmppfed_check.lua, a process of its own, load it.
--
-- Bounds: an issuer of 200 bytes, 10 names of at most 253 bytes and 500 together, whatever stands in the certificate.

local array = require "prosody.util.array";
local verify_identity = require "prosody.util.x509".verify_identity;

local oid_common_name, oid_organization = "2.5.4.3", "2.5.4.10";
local oid_alternative_names, oid_extended_key_usage = "2.5.29.17", "2.5.29.37";
local oid_xmpp_address, oid_service_name = "1.3.6.1.5.5.7.8.5", "1.3.6.1.5.5.7.8.7";
local max_issuer, max_names, max_name, max_all_names = 200, 10, 253, 500;

local months = { Jan = 1, Feb = 2, Mar = 3, Apr = 4, May = 5, Jun = 6, Jul = 7, Aug = 8, Sep = 9, Oct = 10, Nov = 11, Dec = 12 };

-- "May  1 00:00:00 2030 GMT" (OpenSSL) as RFC 3339
local function rfc3339(openssl_time)
	local month, day, time, year = openssl_time:match("^(%a+)%s+(%d+) (%d+:%d+:%d+) (%d+) GMT$");
	return month and ("%04d-%02d-%02dT%sZ"):format(year, months[month], day, time) or nil;
end

-- At most `length` bytes; no character is cut in two
local function cut(text, length)
	if #text <= length then return text; end
	return text:sub(1, length):gsub("[\xC0-\xFF]?[\x80-\xBF]*$", "").."…";
end

-- "CN=R11, O=Let's Encrypt"
local function distinguished_name(parts)
	local found = {};
	for _, part in ipairs(parts) do found[part.oid] = found[part.oid] or part.value; end
	local text = {};
	if found[oid_common_name] then table.insert(text, "CN="..found[oid_common_name]); end
	if found[oid_organization] then table.insert(text, "O="..found[oid_organization]); end
	return cut(table.concat(text, ", "), max_issuer);
end

-- DNS names, XMPP addresses (RFC 6120 section 13.7.1.4) and service names (RFC 4985), each once
local function names_of(certificate)
	local alternative = certificate:extensions()[oid_alternative_names] or {};
	local names, seen, bytes, more = array {}, {}, 0, 0;
	for _, kind in ipairs { "dNSName", oid_xmpp_address, oid_service_name } do
		for _, name in ipairs(alternative[kind] or {}) do
			if not seen[name] then
				seen[name] = true;
				if #names < max_names and #name <= max_name and bytes + #name <= max_all_names then
					bytes = bytes + #name;
					names:push(name);
				else
					more = more + 1;
				end
			end
		end
	end
	return names, more > 0 and more or nil;
end

-- Whether the certificate may be used for a purpose of RFC 5280 section 4.2.1.12; without that extension for any
local function allows(certificate, purpose)
	local usages = certificate:extensions()[oid_extended_key_usage];
	if not usages then return true; end
	for _, usage in pairs(usages) do
		if usage == purpose then return true; end
	end
	return false;
end

local function describe(certificate)
	if certificate.setencode then certificate:setencode("utf8"); end
	local names, more = names_of(certificate);
	return {
		issuer = distinguished_name(certificate:issuer());
		names = names;
		moreNames = more;
		notBefore = rfc3339(certificate:notbefore());
		notAfter = rfc3339(certificate:notafter());
	};
end

-- What OpenSSL says about the certificates of a chain, the peer's own first, as one text
local function chain_errors(errors)
	if type(errors) ~= "table" then return tostring(errors); end
	local words = {};
	for depth, list in pairs(errors) do
		for _, err in ipairs(type(list) == "table" and list or { list }) do
			table.insert(words, type(depth) == "number" and depth > 1 and ("%s (of its issuer)"):format(err) or err);
		end
	end
	return table.concat(words, ", ");
end

local untrusted = "is of an authority that is not trusted, or a part of its chain is missing";
local chain_problems = { -- OpenSSL's words, from what tells most to what tells least
	{ "certificate has expired", "has expired", "CertificateExpired" };
	{ "certificate is not yet valid", "is not valid yet", "CertificateNotYetValid" };
	{ "self-signed certificate in certificate chain", "is of an authority that is not trusted" };
	{ "self-signed certificate", "is self-signed" };
	{ "unable to get local issuer certificate", untrusted };
	{ "unable to verify the first certificate", untrusted };
};

local function chain_problem(text)
	for _, known in ipairs(chain_problems) do
		if text:find(known[1], 1, true) then return known[2], known[3] or "CertificateUntrusted"; end
	end
	return ("is not trusted: %s"):format(text), "CertificateUntrusted";
end

-- What is wrong with the certificate of the other side of a stream: in words that end the sentence "DOMAIN …", a cause of
-- xmppfed_cause.lib.lua, and what OpenSSL says. nil: it speaks for this domain, which need not be the one that the stream
-- was opened as.
local function problem(session, domain)
	if not session.secure then return "shows no certificate, for there is no TLS", "CertificateMissing"; end
	local certificate = session.conn and session.conn:ssl_peercertificate();
	if not certificate then return "shows no certificate", "CertificateMissing"; end
	if session.cert_chain_status ~= "valid" then
		local errors = chain_errors(session.cert_chain_errors);
		local words, cause = chain_problem(errors);
		return "has a certificate that "..words, cause, errors;
	end
	if not domain or verify_identity(domain, "xmpp-server", certificate) then return nil; end
	return "has a certificate for another name", "CertificateWrongName";
end

return { describe = describe, problem = problem, allows = allows, rfc3339 = rfc3339, cut = cut };
