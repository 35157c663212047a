-- What is written to a connection goes to the network when nothing more is to be read, without asking the poller first.
--
-- Prosody asks epoll to tell when a socket can be written to, is told so at once, writes, and tells epoll to stop: three
-- system calls and a timer beside the write itself, for each connection each time that something came in. Here the
-- connections with something new are written to directly. Where the network does not take all of it Prosody goes on as
-- ever: the rest waits for the poller.
--
-- Invariants: bytes of one connection keep their order. What waits is in the connection's own buffer and counts there.
-- A connection that is being opened, does a TLS handshake, waits for the poller, or whose writes are paused is left to
-- Prosody. A fault in what one connection calls when it is written to holds up no other.

local server = require "prosody.net.server";
local log = require "prosody.util.logger".init("xmppfed_writes");
local new_poller = require "prosody.util.poll".new;
local traceback = require "prosody.util.debug".traceback;

local most_events = 16; -- that are read from before what waits is written

local fresh, count = {}, 0; -- connections with something new; each is marked with xmppfed_fresh
local events = 0;

local function install()
	local interface = getmetatable(server.watchfd(-1)).__index; -- an interface without a socket is never polled
	local poller = getmetatable(new_poller()).__index;
	if interface.xmppfed_write then return; end -- the module was loaded again
	local write, wait = interface.write, poller.wait;
	interface.xmppfed_write = write;

	local function write_later(self, data)
		if self._wantwrite or self._writing or self._write_lock or not self._connected or not self.conn
		or rawget(self, "onwritable") then
			return write(self, data);
		end
		self._writing = true; -- into the buffer only
		local result = write(self, data);
		self._writing = nil;
		if not self.xmppfed_fresh and self.conn then
			self.xmppfed_fresh = true;
			count = count + 1;
			fresh[count] = self;
		end
		return result;
	end

	local function write_now(conn)
		local ok, fault = xpcall(conn.onwritable, traceback, conn);
		if ok then return; end
		log("error", "A connection could not be written to: %s", fault);
		conn._writing = nil;
		if conn.conn and conn.writebuffer then conn:set(nil, true); end
	end

	local function write_fresh()
		local i = 0;
		while i < count do -- what is called may write to others
			i = i + 1;
			local conn = fresh[i];
			fresh[i], conn.xmppfed_fresh = nil, nil;
			local buffer = conn.writebuffer;
			if conn.conn and buffer and #buffer > 0
			and not conn._wantwrite and not conn._write_lock and not rawget(conn, "onwritable") then
				write_now(conn);
			end
		end
		count, events = 0, 0;
	end

	interface.write, interface.send = write_later, write_later;

	function poller.wait(self, timeout)
		if count == 0 then return wait(self, timeout); end
		events = events + 1;
		if events <= most_events then
			local fd, readable, writable = wait(self, 0);
			if fd or readable ~= "timeout" then return fd, readable, writable; end
		end
		write_fresh();
		return nil, "timeout"; -- timers first: what was just called may have set one
	end
end

return { install = install };
