-- Federation connection manager, global: what is demanded of each peer, from the setting "security":
--
--   { "default": SETTINGS, "peers": { "a.example": SETTINGS, "*.b.example": SETTINGS } }
--
--   SETTINGS: { "mode": "NoTLS" | "TLSOptional" | "TLSRequired",
--               "peerCertificates": "Strict" | "Opportunistic",                       not with NoTLS
--               "saslExternal": { "incoming": …, "outgoing": "Required" | "Offered" | "Disabled" },   not with NoTLS
--               "dialback": { "mode": "Enabled" | "Disabled" } }
--
-- Of several entries for a peer the most specific one holds: its own domain, else the longest wildcard, else the default.
-- "*.b.example" is b.example and all its subdomains.
--
-- Without the setting the defaults hold. A setting that cannot be read at the start lets nobody in: nobody knows what was
-- demanded of whom. One that cannot be read later changes nothing.

module:set_global();

local settings = module:depends("xmppfed_settings");

local defaults = {
	mode = "TLSRequired";
	peerCertificates = "Strict";
	saslExternal = { incoming = "Offered", outgoing = "Offered" };
	dialback = { mode = "Enabled" };
};

-- From strict to weak
local orders = {
	mode = { "TLSRequired", "TLSOptional", "NoTLS" };
	peerCertificates = { "Strict", "Opportunistic" };
	sasl = { "Required", "Offered", "Disabled" };
	dialback = { "Disabled", "Enabled" };
};

local default, exact, wildcards, strictest;
unreadable = false; -- why nobody is let in; Prosody logs each reading of a global that is nil

local function is_one_of(list, value)
	for _, each in ipairs(list) do
		if each == value then return true; end
	end
	return false;
end

local function is_settings(value)
	if type(value) ~= "table" or type(value.dialback) ~= "table" then return false; end
	if not is_one_of(orders.mode, value.mode) or not is_one_of(orders.dialback, value.dialback.mode) then return false; end
	if value.mode == "NoTLS" then return value.dialback.mode == "Enabled"; end
	local sasl = value.saslExternal;
	return is_one_of(orders.peerCertificates, value.peerCertificates) and type(sasl) == "table"
		and is_one_of(orders.sasl, sasl.incoming) and is_one_of(orders.sasl, sasl.outgoing);
end

local function stricter(order, a, b)
	for _, value in ipairs(order) do
		if value == a or value == b then return value; end
	end
end

-- The strictest of everything that is demanded of anybody
local function strictest_of(a, b)
	local sasl_a, sasl_b = a.saslExternal or {}, b.saslExternal or {};
	return {
		mode = stricter(orders.mode, a.mode, b.mode);
		peerCertificates = stricter(orders.peerCertificates, a.peerCertificates, b.peerCertificates);
		saslExternal = {
			incoming = stricter(orders.sasl, sasl_a.incoming, sasl_b.incoming);
			outgoing = stricter(orders.sasl, sasl_a.outgoing, sasl_b.outgoing);
		};
		dialback = { mode = stricter(orders.dialback, a.dialback.mode, b.dialback.mode) };
	};
end

-- Gives why the value cannot be used
local function take(value, failure)
	if failure then
		unreadable, default, exact, wildcards, strictest = failure, defaults, {}, {}, defaults;
		return nil;
	end
	value = value or { default = defaults, peers = {} };
	if type(value) ~= "table" or not is_settings(value.default) or type(value.peers) ~= "table" then
		return "it has no default or no peers";
	end
	local new_exact, new_wildcards, new_strictest = {}, {}, strictest_of(value.default, value.default);
	for domain, of_peer in pairs(value.peers) do
		if not is_settings(of_peer) then return ("what it says of %s is not complete"):format(domain); end
		local parent = domain:match("^%*%.(.+)$");
		if parent then new_wildcards[parent] = of_peer; else new_exact[domain] = of_peer; end
		new_strictest = strictest_of(new_strictest, of_peer);
	end
	unreadable, default, exact, wildcards, strictest = false, value.default, new_exact, new_wildcards, new_strictest;
	module:fire_event("xmppfed-peer-settings");
	return nil;
end

settings.watch("security", function (value, failure)
	local refusal = take(value, failure);
	if refusal and not default then take(nil, refusal); end
	return refusal;
end);

-- What is demanded of a peer; nil: of one that does not say who it is
function of(domain)
	if not domain then return strictest; end
	if exact[domain] then return exact[domain]; end
	local parent = domain;
	while parent do
		if wildcards[parent] then return wildcards[parent]; end
		parent = parent:match("^[^.]+%.(.+)$");
	end
	return default;
end
