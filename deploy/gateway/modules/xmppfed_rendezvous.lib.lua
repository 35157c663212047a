-- Rendezvous hashing: which of several links carries the traffic of one peer domain.
--
-- Every process that knows the same node names makes the same choice, and a node that goes away moves its own peers
-- only. All of one peer's traffic takes one link, which is what keeps its order. Of two links of one node (two pods
-- while one replaces the other) the one that has been there longer is kept until it drains.

local sha1 = require "prosody.util.hashes".sha1;

local max_remembered = 10000; -- peers; all are forgotten when there are more, each costs one hash per link to find again

local chooser = {};
local chooser_mt = { __index = chooser };

-- candidates: array of tables with `node` (string), oldest first
function chooser:replace(candidates)
	self.candidates, self.chosen, self.remembered = candidates, {}, 0;
end

-- The candidate for a peer domain, nil when there is none
function chooser:choose(peer)
	local best = self.chosen[peer];
	if best then return best; end
	local heaviest;
	for _, candidate in ipairs(self.candidates) do
		local weight = sha1(candidate.node.."\0"..peer);
		if not heaviest or weight > heaviest then heaviest, best = weight, candidate; end
	end
	if not best then return nil; end
	if self.remembered >= max_remembered then self.chosen, self.remembered = {}, 0; end
	self.chosen[peer], self.remembered = best, self.remembered + 1;
	return best;
end

return {
	new = function ()
		local new = setmetatable({}, chooser_mt);
		new:replace({});
		return new;
	end;
};
