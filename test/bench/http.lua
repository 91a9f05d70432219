-- What the bench gives wrk: one GET with a token, and a last line that a program can read.
--
-- The token comes from a file (WHALEFALL_BENCH_TOKEN names it): in an argument any user of the machine could read it.

local path = os.getenv("WHALEFALL_BENCH_TOKEN")
local file = assert(io.open(path, "r"))

wrk.method = "GET"
wrk.headers["Authorization"] = "Bearer " .. file:read("*l")
file:close()

-- Requests, microseconds; percentiles of the time a request took, in microseconds; what went wrong.
function done(summary, latency, requests)
    local e = summary.errors

    io.write(string.format("wrk requests=%d duration=%d p50=%d p99=%d status=%d lost=%d\n", summary.requests,
        summary.duration, latency:percentile(50), latency:percentile(99), e.status,
        e.connect + e.read + e.write + e.timeout))
end
