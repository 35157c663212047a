-- Both roles, global: dialback keys (XEP-0220, XEP-0185) of several secrets. Every key is made with one secret, that which
-- the process was started with. A key that any of the accepted secrets made is valid: while the secret is replaced, a peer
-- may ask one node about the key that another one made, with the secret before or the one after.
--
-- Options:
--   dialback_secret (string)               the secret that keys are made with; always accepted
--   xmppfed_dialback_directory (string)    directory of the accepted secrets: the content of each file is one, its name
--                                          tells it apart and is no secret. It changes while the process runs
--
-- Invariant: what has been accepted is accepted until the directory can be read and says otherwise.

module:set_global();

local array = require "prosody.util.array";
local equals = require "prosody.util.hashes".equals;
local sha256 = require "prosody.util.hashes".sha256;
local hmac = require "prosody.util.hashes".hmac_sha256;
local files = module:require "xmppfed_directory";

local directory = module:get_option_string("xmppfed_dialback_directory");

local check_interval = 1; -- seconds

-- mod_dialback keys its HMAC with this, too
local function prepared(secret) return sha256(secret, true); end

local own = prepared(module:get_option_string("dialback_secret"));
local accepted = {}; -- name -> prepared secret
local failure; -- why the directory as it is now is not used
local seen;

local function take(names)
	local now = {};
	for _, name in ipairs(names) do
		local secret = files.read(directory, name);
		if not secret or secret == "" then error(("%s cannot be read"):format(name), 0); end
		now[name] = prepared(secret);
	end
	return now;
end

local function check()
	local listed, names, stamp = pcall(files.list, directory);
	if listed and stamp == seen then return check_interval; end
	local taken, result = listed, names;
	if listed then taken, result = pcall(take, names); end
	if taken then
		accepted, failure, seen = result, nil, stamp;
		module:log("info", "Dialback keys of %d secrets are accepted: %s", #names, table.concat(names, ", "));
	elseif result ~= failure then
		failure = result;
		module:log("error", "The dialback secrets in %s cannot be used: %s. Those before are accepted on", directory, failure);
	end
	return check_interval;
end

check();
module:add_timer(check_interval, check);

local function key_of(secret, id, to, from) return hmac(secret, to.." "..from.." "..id, true); end

local function is_ours(id, to, from, key)
	if not id or not to or not from or not key then return false; end
	local valid = equals(key, key_of(own, id, to, from));
	for _, secret in pairs(accepted) do
		valid = equals(key, key_of(secret, id, to, from)) or valid;
	end
	return valid;
end

function module.add_host(module)
	module:depends("dialback").verify_dialback = is_ours;
end

-- For the status
function report()
	local names = array {}; -- an empty one is [] in JSON
	for name in pairs(accepted) do table.insert(names, name); end
	table.sort(names);
	return { accepted = names, failure = failure };
end
