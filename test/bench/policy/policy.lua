-- Measures xmppfed_policy_rules.lib.lua. Arguments: its file, number of exceptions.
-- Standard output: a line of JSON.

package.path = "/usr/lib/?.lua;"..package.path;
package.cpath = "/usr/lib/?.so;"..package.cpath;

local new = dofile(arg[1]).new;
local count = tonumber(arg[2]);
local lines_at_once = 2000; -- as mod_xmppfed_policy
local asked = 200000; -- look-ups that are measured

local function kilobytes()
	collectgarbage();
	collectgarbage();
	return collectgarbage("count");
end

local lines = {};
for i = 1, count do lines[i] = ("B %sd%d.blocked-domains.example\n"):format(i % 4 == 0 and "*." or "", i); end
local text = table.concat(lines);
lines = nil;

local before = kilobytes();
local rules = new("Allow");
local longest, started = 0, os.clock();
local place = 1;
while place do
	local piece = os.clock();
	place = rules:add(text, place, lines_at_once);
	longest = math.max(longest, os.clock() - piece);
end
local reading = os.clock() - started;
local held = kilobytes() - before;

local function measure(name)
	local domains = {};
	for i = 1, asked do domains[i] = name(i); end
	collectgarbage();
	local from = os.clock();
	for i = 1, asked do rules:decide(domains[i]); end
	return (os.clock() - from) / asked * 1e6;
end

-- 8,192 are more than what is remembered
local new_ones = measure(function (i) return ("d%d.chat.peers.example"):format(i % 8192); end);
local blocked = measure(function (i) return ("x.d%d.blocked-domains.example"):format(i % 8192 + 1); end);
local again = measure(function (i) return ("d%d.chat.peers.example"):format(i % 100); end);

print(('{"exceptions":%d,"readMs":%.1f,"longestPieceMs":%.2f,"heldKb":%.0f,"newUs":%.3f,"blockedUs":%.3f,"rememberedUs":%.3f}')
	:format(rules.count, reading * 1e3, longest * 1e3, held, new_ones, blocked, again));
