-- A RayJob. Two states together tell how it is: `jobDeploymentStatus` of the operator and `jobStatus` of Ray, which
-- may be FAILED while the operator tries again.

local function text(value)
  if type(value) == "string" then return value end
  return ""
end

local spec = type(obj.spec) == "table" and obj.spec or {}
local status = type(obj.status) == "table" and obj.status or {}
local deployment, job = text(status.jobDeploymentStatus), text(status.jobStatus)

local function health(as, message)
  for _, more in ipairs({ text(status.reason), text(status.message) }) do
    if more ~= "" then message = message .. ": " .. more end
  end
  return { status = as, message = message }
end

if deployment == "Failed" or deployment == "ValidationFailed" then return health("Degraded", "failed") end
if deployment == "Complete" then
  if job == "SUCCEEDED" then return health("Healthy", "succeeded") end
  if job == "FAILED" then return health("Degraded", "failed") end
  if job == "STOPPED" then return health("Degraded", "stopped before its end") end
  return health("Unknown", "complete, with a result that is not known")
end
if spec.suspend == true or deployment == "Suspended" then return health("Suspended", "suspended") end
if deployment == "Waiting" then return health("Suspended", "waits for somebody to submit the job") end
if deployment == "Retrying" then return health("Progressing", "trying again") end
if deployment == "Running" then return health("Progressing", "running") end
return health("Progressing", "not running yet")
