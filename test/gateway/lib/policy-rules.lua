-- Asks xmppfed_policy_rules.lib.lua.
-- Standard input: "RULES default", "LIST hex" (a text of exceptions), "ASK hex" (a domain).
-- Standard output: for each domain "incoming outgoing pattern", the pattern "-" where there is none.

package.path = "/usr/lib/?.lua;"..package.path;
package.cpath = "/usr/lib/?.so;"..package.cpath;

local new = dofile(arg[1]).new;
local rules;

local function from_hex(hex)
	return (hex:gsub("..", function (digits) return string.char(tonumber(digits, 16)); end));
end

local function word(allowed)
	return allowed and "Allow" or "Deny";
end

for line in io.lines() do
	local command, argument = line:match("^(%u+) ?(.*)$");
	if command == "RULES" then
		rules = new(argument);
	elseif command == "LIST" then
		local text, place = from_hex(argument), 1;
		repeat place = rules:add(text, place, 2); until not place;
	else
		local domain = from_hex(argument);
		for _ = 1, 2 do -- the second answer is a remembered one
			local incoming, outgoing = rules:decide(domain);
			print(word(incoming), word(outgoing), rules:exception(domain) or "-");
		end
	end
end
