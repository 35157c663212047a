-- What a policy says of a peer (R11). The mirror of src/model/policy/rules.ts: a test asks both the same.
--
-- Exceptions come as text, one a line: a letter for the direction (B, I or O) and a domain, or `*.` and a domain for it
-- and every one below it. The most specific exception alone counts.
--
-- Invariant: a look-up takes as many steps as the domain has labels, however many exceptions there are.

local to_ascii = require "prosody.util.encodings".idna.to_ascii;

local bits = { I = 1, O = 2, B = 3 }; -- of the directions
local most_known = 4096; -- domains whose decision is remembered; all are forgotten when there are more

local rules_mt = { __index = {} };
local rules = rules_mt.__index;

-- default: "Allow" or "Deny", what holds without an exception
local function new(default)
	return setmetatable({
		allowed = default == "Allow" and bits.B or 0; -- directions
		exceptions = {}; -- pattern -> directions that are not as by default
		count = 0;
		known = {}; -- domain as it was asked -> directions that are allowed
		known_count = 0;
	}, rules_mt);
end

-- Takes the exceptions of `most` lines from a place in a text on. Gives the place after them, nil at the end of the text.
function rules:add(text, from, most)
	local exceptions, count = self.exceptions, 0;
	for _ = 1, most do
		local line_end = text:find("\n", from, true);
		if not line_end then
			from = nil;
			break;
		end
		exceptions[text:sub(from + 2, line_end - 1)] = bits[text:sub(from, from)];
		from, count = line_end + 1, count + 1;
	end
	self.count = self.count + count;
	return from;
end

-- The form in which domains are compared: A-labels in lower case, no dot at the end
local function compared(domain)
	local name = domain:lower():gsub("%.$", "");
	return name:find("[\128-\255]") and to_ascii(name) or name;
end

-- The most specific exception for a domain; nil where there is none
function rules:exception(domain)
	local name = compared(domain);
	local exceptions = self.exceptions;
	if exceptions[name] then return name; end
	local start = 1;
	repeat
		local pattern = "*."..name:sub(start);
		if exceptions[pattern] then return pattern; end
		local dot = name:find(".", start, true);
		start = dot and dot + 1;
	until not start;
	return nil;
end

local function decide(self, domain)
	local allowed = self.allowed ~ (self.exceptions[self:exception(domain)] or 0);
	if self.known_count >= most_known then self.known, self.known_count = {}, 0; end
	self.known[domain], self.known_count = allowed, self.known_count + 1;
	return allowed;
end

-- Whether what a domain sends, and what is sent to it, is let through
function rules:decide(domain)
	local allowed = self.known[domain] or decide(self, domain);
	return allowed & bits.I ~= 0, allowed & bits.O ~= 0;
end

return { new = new };
