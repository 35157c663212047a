-- The SRV records of a peer (RFC 6120 section 3.2.1), and why it could not be found. Uses nothing of a module.

local adns = require "prosody.net.adns";
local idna_to_ascii = require "prosody.util.encodings".idna.to_ascii;

local rcode_no_error, rcode_no_such_name = 0, 3; -- RFC 1035 section 4.1.1

-- What is wrong with an answer of DNS; nil where it says something, be it that there is no such name
local function problem(answer, err)
	if not answer then return err and tostring(err) or nil; end
	if answer.bogus then return ("the answer is bogus: %s"):format(tostring(answer.bogus)); end
	if answer.rcode ~= rcode_no_error and answer.rcode ~= rcode_no_such_name then return tostring(answer.status or answer.rcode); end
end

local function record_name(domain, service) return ("_%s._tcp.%s"):format(service or "xmpp-server", domain); end

-- Why a stream to a domain found no address to connect to: calls back with a cause of xmppfed_cause.lib.lua and a detail
local function failure(domain, callback)
	local ascii = idna_to_ascii(domain);
	if not ascii then return callback("NameNotFound", ("%s is no name that DNS can have"):format(domain)); end
	local name = record_name(ascii);
	adns.resolver():lookup(function (answer, err)
		local wrong = problem(answer, err);
		if wrong then return callback("DNSFailed", ("%s: %s"):format(name, wrong)); end
		local targets = {};
		for _, record in ipairs(answer or {}) do table.insert(targets, record.srv.target); end
		if #targets == 1 and targets[1] == "." then return callback("ServiceNotOffered", name); end
		if targets[1] then
			table.sort(targets);
			return callback("TargetNotFound", ("%s names %s"):format(name, table.concat(targets, ", ")));
		end
		callback("NameNotFound", ("%s does not exist, and %s has no address"):format(name, ascii));
	end, name, "SRV", "IN");
end

return { failure = failure, problem = problem, record_name = record_name };
