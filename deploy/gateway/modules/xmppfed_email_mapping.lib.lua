-- Who has which email address (R13), and from that what everybody is called on the other side of the router.
--
-- Mappings come as text, one a line: `USER ADDRESS`, bare JIDs of local domains in their prepared form. Each user and each
-- address stands once.
--
-- `outside` and `inside` are a permutation of bare JIDs and its inverse, so that whatever goes out and comes in again, or
-- comes in and goes out again, is what it was:
--
-- | inside                                          | outside                        |
-- |--------------------------------------------------|--------------------------------|
-- | a user                                           | the user's address             |
-- | an address, where no user has that name          | that address, marked           |
-- | that address, marked: a name that nobody has     | the user's own name            |
-- | any other                                        | the same                       |
--
-- So a user's own name, said outside, is inside a name that nobody has: the internal server answers as for any other name
-- that it does not know, and nobody can find out by asking which names there are. And an address that somebody inside
-- takes for a user's name is not passed off as that user.
--
-- Invariants: a user may have the name of another's address. Look-ups take one step, and as many as such names in a row.

local find, match, sub = string.find, string.match, string.sub;

local mark = ".xmppfed-unmapped"; -- at the end of a localpart
local longest_localpart = 1023 - #mark; -- bytes (RFC 7622 section 3.3)

local mapping_mt = { __index = {} };
local mapping = mapping_mt.__index;

-- local_domains: table with the local domains as its keys
local function new(local_domains)
	return setmetatable({
		local_domains = local_domains;
		domains = {}; -- those of users and of addresses, as keys
		address_of = {}; -- user -> address
		user_of = {}; -- address -> user
		count = 0;
	}, mapping_mt);
end

-- Why a JID can be no user and no address; nil where it can
local function objection(self, jid)
	local localpart, domain = match(jid, "^([^@/]+)@([^@/]+)$");
	if not localpart then return ("%s is no bare JID"):format(jid); end
	if not self.local_domains[domain] then return ("%s is not of a local domain"):format(jid); end
	if #localpart > longest_localpart then return ("%s... is too long"):format(sub(jid, 1, 64)); end
	if sub(localpart, -#mark) == mark then return ("%s ends with %s, which is kept for names that nobody has"):format(localpart, mark); end
	self.domains[domain] = true;
end

-- Takes the mappings of `most` lines from a place in a text on. Gives the place after them, nil at the end of the text,
-- and nil and why where they cannot be used.
function mapping:add(text, from, most)
	local address_of, user_of = self.address_of, self.user_of;
	for _ = 1, most do
		if from > #text then return nil; end
		local user, address, after = match(text, "^([^ \n]+) ([^ \n]+)\n()", from);
		if not user then return nil, ("byte %d does not begin a line USER ADDRESS"):format(from); end
		local why = objection(self, user) or objection(self, address);
		if why then return nil, why; end
		if address_of[user] then return nil, ("%s has two addresses: %s and %s"):format(user, address_of[user], address); end
		if user_of[address] then return nil, ("%s is the address of two users: %s and %s"):format(address, user_of[address], user); end
		address_of[user], user_of[address] = address, user;
		self.count = self.count + 1;
		from = after;
	end
	return from;
end

local function marked(jid)
	local at = find(jid, "@", 1, true);
	return sub(jid, 1, at - 1)..mark..sub(jid, at);
end

-- The address of which a JID is the marked form; nil where it is none
local function unmarked(self, jid)
	local from, to = find(jid, mark.."@", 1, true);
	local address = from and sub(jid, 1, from - 1)..sub(jid, to);
	return address and self:user_by_address_alone(address) and address;
end

-- The user whose address a JID is, where it is nobody's name; nil where it is not so
function mapping:user_by_address_alone(jid)
	return not self.address_of[jid] and self.user_of[jid] or nil;
end

-- What a bare JID is called outside; nil where that is the same
function mapping:outside(jid)
	local address = self.address_of[jid];
	if address then return address; end
	if self.user_of[jid] then return marked(jid); end
	local user = unmarked(self, jid);
	while user and self.user_of[user] do user = self.user_of[user]; end
	return user or nil;
end

-- What a bare JID that was said outside is called inside; nil where that is the same
function mapping:inside(jid)
	local user = self.user_of[jid];
	if user then return user; end
	local address = self.address_of[jid];
	if not address then return unmarked(self, jid) or nil; end
	while self.address_of[address] do address = self.address_of[address]; end
	return marked(address);
end

return { new = new };
