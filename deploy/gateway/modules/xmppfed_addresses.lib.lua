-- The addresses (A and AAAA) of one name, once or again and again.
--
-- A look-up that fails (time-out, SERVFAIL) changes nothing; a name that does not exist, or has no address, is the
-- empty set. Needs lua-unbound with a cache that keeps nothing (`cache-max-ttl: 0`), or changes are seen late.

local adns = require "prosody.net.adns";
local inet_pton = require "prosody.util.net".pton;
local add_task = require "prosody.util.timer".add_task;

local rcode_no_error, rcode_no_such_name = 0, 3; -- RFC 1035 section 4.1.1

-- Calls back once, with a sorted array of addresses, or with nil and what went wrong
local function look_up(name, callback)
	if inet_pton(name) then return callback({ name }); end
	local pending, addresses, failure = 2, {}, nil;
	local function on_answer(field, answer, err)
		if not answer then
			failure = tostring(err);
		elseif answer.bogus then
			failure = "the answer is bogus: "..tostring(answer.bogus);
		elseif answer.rcode ~= rcode_no_error and answer.rcode ~= rcode_no_such_name then
			failure = tostring(answer.status or answer.rcode);
		else
			for _, record in ipairs(answer) do table.insert(addresses, record[field]); end
		end
		pending = pending - 1;
		if pending > 0 then return; end
		if failure and not addresses[1] then return callback(nil, failure); end
		table.sort(addresses);
		callback(addresses);
	end
	local resolver = adns.resolver();
	resolver:lookup(function (answer, err) on_answer("a", answer, err); end, name, "A", "IN");
	resolver:lookup(function (answer, err) on_answer("aaaa", answer, err); end, name, "AAAA", "IN");
end

-- on_result(addresses, failure) is called after every look-up, whether or not something changed;
-- interval() gives the seconds until the next one. Returns a function that stops watching.
local function watch(name, interval, on_result)
	local stopped = false;
	local function again()
		if stopped then return; end
		look_up(name, function (addresses, failure)
			if stopped then return; end
			on_result(addresses, failure);
			add_task(interval(), again);
		end);
	end
	again();
	return function () stopped = true; end;
end

return { look_up = look_up, watch = watch };
