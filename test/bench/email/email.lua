-- Measures what email addresses cost a router for each stanza: reading and writing it, with renaming and without, by turns.
-- Arguments: xmppfed_stream.lua, xmppfed_email_mapping.lib.lua, xmppfed_email_rewrite.lib.lua, number of mappings.
-- Standard output: a line of JSON.

package.path = "/usr/lib/?.lua;"..package.path;
package.cpath = "/usr/lib/?.so;"..package.cpath;

dofile(arg[1]);
local new_stream = require "prosody.util.xmppstream".new;
local new_mapping = dofile(arg[2]).new;
local renaming = dofile(arg[3]);
local count = tonumber(arg[4]);

local lines_at_once = 2000; -- as mod_xmppfed_email_addresses
local stanzas_at_once, rounds = 5000, 10; -- that are measured

collectgarbage("incremental", 200, 200); -- as the router

local function kilobytes()
	collectgarbage();
	collectgarbage();
	return collectgarbage("count");
end

local lines = {};
for i = 1, count do lines[i] = ("u%06d@example.lab given.family%06d@example.lab\n"):format(i, i); end
local text = table.concat(lines);
lines = nil;

local before = kilobytes();
local mapping = new_mapping { ["example.lab"] = true };
local longest, started = 0, os.clock();
local place = 1;
repeat
	local piece = os.clock();
	place = mapping:add(text, place, lines_at_once);
	longest = math.max(longest, os.clock() - piece);
until not place;
local reading = os.clock() - started;
local held = kilobytes() - before;

local element;
local session = { notopen = true };
local stream = new_stream(session, {
	default_ns = "jabber:server";
	streamopened = function () session.notopen = nil; end;
	handlestanza = function (_, stanza) element = stanza; end;
}, 1e6);
assert(stream:feed("<stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams'>"));

local function outside(name) return mapping:outside(name); end
local function inside(name) return mapping:inside(name); end

-- Seconds of CPU for stanzas
local function measure(template, user, rename)
	local texts = {};
	for i = 1, stanzas_at_once do texts[i] = (template:gsub("USER", user:format(math.random(math.max(count, 1))))); end
	collectgarbage();
	local from = os.clock();
	for i = 1, stanzas_at_once do
		stream:feed(texts[i]);
		if rename then renaming.rewrite(element, mapping.domains, rename); end
		tostring(element);
	end
	return os.clock() - from;
end

local user, address = "u%06d@example.lab", "given.family%06d@example.lab";
local words = ("words "):rep(20);
local cases = {
	{ "messageOut", user, outside, "<message from='USER/phone' to='bob@peer.lab/x' type='chat' id='1'><body>"..words.."</body></message>" };
	{ "messageIn", address, inside, "<message from='bob@peer.lab/x' to='USER' type='chat' id='1'><body>"..words.."</body></message>" };
	{ "mailInBody", user, outside, "<message from='USER/phone' to='bob@peer.lab/x' type='chat' id='1'><body>"..words.."USER</body></message>" };
	{ "roomPresenceOut", user, outside, "<presence from='room@rooms.lab/n' to='bob@peer.lab/x'><x xmlns='http://jabber.org/protocol/muc#user'><item affiliation='none' role='participant' jid='USER/phone'/></x></presence>" };
};

local parts = {};
for _, case in ipairs(cases) do
	local without, with = 0, 0;
	for _ = 1, rounds do
		without = without + measure(case[4], case[2]);
		with = with + measure(case[4], case[2], case[3]);
	end
	local each = 1e6 / (rounds * stanzas_at_once);
	table.insert(parts, ('"%s":{"without":%.2f,"with":%.2f}'):format(case[1], without * each, with * each));
end

print(('{"mappings":%d,"readMs":%.1f,"longestPieceMs":%.2f,"heldKb":%.0f,"stanzas":{%s}}')
	:format(mapping.count, reading * 1e3, longest * 1e3, held, table.concat(parts, ",")));
