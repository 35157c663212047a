-- Both roles, global: bounds what waits to be written, for each connection and for all together.
--
-- Prosody lets 32 MiB wait for each connection, then ends it and forgets what waited. Here a stanza is not taken where
-- too much waits already, so that its sender can be told; and what still waits when a connection ends can be told too.
--
-- Options (bytes):
--   xmppfed_backlog_limit   may wait for one connection or stream (1 MiB); one more stanza is taken
--   xmppfed_backlog_total   may wait in all (32 MiB). When it is reached, only connections take more for which next to
--                           nothing waits, so that one stalled peer does not stop the others
--
-- Invariant: an outlet is the only writer of stanzas on its connection. The few bytes that others write beside it (pings)
-- can make one stanza look unsent that was sent.

module:set_global();

local head_of = module:require "xmppfed_bounce".head;

local limit = module:get_option_integer("xmppfed_backlog_limit", 1024 * 1024, 1);
local total_limit = module:get_option_integer("xmppfed_backlog_total", 32 * 1024 * 1024, 1);
local next_to_nothing = 32 * 1024; -- bytes; where more waits the network is asked to take it, and if it does, all is well
local recount_after = 4 * 1024 * 1024; -- bytes

local outlets = setmetatable({}, { __mode = "k" }); -- outlet -> true
local queued = 0;   -- bytes that wait for streams that are not there yet
local buffered = 0; -- bytes that waited for connections at the last count
local added = 0;    -- bytes written since then; most of them are gone already

local function waiting_for(conn)
	local buffer = conn and conn.writebuffer;
	return buffer and #buffer or 0;
end

-- Hands what waits to the network now, where Prosody has not been told yet that it takes no more. Returns what is left.
local function flush(conn)
	if conn.conn and conn._connected and not conn._wantwrite and not conn._writing and not conn._write_lock
	and not rawget(conn, "onwritable") then
		conn:onwritable();
	end
	return waiting_for(conn);
end

-- Whether more than next to nothing waits for a connection, and the network does not take it
function is_stalled(conn)
	return waiting_for(conn) > next_to_nothing and flush(conn) > next_to_nothing;
end

local function count()
	buffered, added = 0, 0;
	for outlet in pairs(outlets) do buffered = buffered + waiting_for(outlet.conn); end
end

local function is_full()
	return queued + buffered + added > total_limit;
end

local outlet_methods = {};
local outlet_mt = { __index = outlet_methods };

-- Bytes that wait
function outlet_methods:waiting()
	return waiting_for(self.conn);
end

-- Writes a stanza (`text` is its text) unless too much waits: then false
function outlet_methods:send(text, stanza)
	local conn, size = self.conn, #text;
	local buffer = conn.writebuffer;
	local waiting = buffer and #buffer or 0;
	if waiting > next_to_nothing then waiting = flush(conn); end
	if not conn.conn then return false; end -- it broke just now
	if waiting > next_to_nothing then
		if waiting > limit or is_full() then return false; end
		local unsent, sent = self.unsent, self.written - waiting;
		while unsent[self.first] and unsent[self.first].ends <= sent do
			unsent[self.first] = nil;
			self.first = self.first + 1;
		end
		local head = head_of(stanza);
		if head then
			head.ends = self.written + size;
			self.last = self.last + 1;
			unsent[self.last] = head;
		end
		self.written = self.written + size;
	else
		if self.last > 0 then self.unsent, self.first, self.last = {}, 1, 0; end
		self.written = waiting + size;
	end
	added = added + size;
	if added > recount_after then count(); end
	return conn:write(text) and true;
end

-- The heads of the stanzas that were taken and not handed to the network, as far as they were remembered: those that
-- were taken while next to nothing waited are not. For a connection that has ended.
function outlet_methods:lost()
	local list, sent = {}, self.written - self:waiting();
	for i = self.first, self.last do
		if self.unsent[i].ends > sent then table.insert(list, self.unsent[i]); end
	end
	self.unsent, self.first, self.last = {}, 1, 0;
	return list;
end

function outlet(conn)
	-- `written`: where in what was written the end is, counted from any moment when next to nothing waited
	local new = setmetatable({ conn = conn, written = 0, unsent = {}, first = 1, last = 0 }, outlet_mt);
	outlets[new] = true;
	return new;
end

-- Stanzas for a stream that is not there yet: their texts, with what is needed to answer them

local queue_methods = {};
local queue_mt = { __index = queue_methods };
local entry_size = 256; -- bytes that an entry takes beside its text, about

-- False where too much waits
function queue_methods:push(stanza)
	local text = tostring(stanza);
	if self.bytes > limit or is_full() then return false; end
	local size = #text + entry_size;
	self.last = self.last + 1;
	self[self.last] = { text = text, name = stanza.name, head = head_of(stanza), size = size };
	self.bytes, queued = self.bytes + size, queued + size;
	return true;
end

function queue_methods:pop()
	local entry = self[self.first];
	if not entry then return nil; end
	self[self.first], self.first = nil, self.first + 1;
	self.bytes, queued = self.bytes - entry.size, queued - entry.size;
	return entry;
end

function queue()
	local new = setmetatable({ first = 1, last = 0, bytes = 0 }, queue_mt);
	function new.count() return new.last - new.first + 1; end -- mod_s2s calls it with and without self
	return new;
end

module:add_timer(1, function ()
	count();
	return 1;
end);

-- For the metrics: bytes that wait for streams to come to be, and for connections
function report()
	count();
	return { queued = queued, buffered = buffered, limit = total_limit };
end
