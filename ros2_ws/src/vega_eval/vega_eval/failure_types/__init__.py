"""Why trials fail: the paper's three types (Appendix E), and what it does not count.

A new type is a file like `drop.py` and a line below; keys, rules, tables and charts know it then.
"""

from vega_eval.failure_types.comms import COMMS as COMMS
from vega_eval.failure_types.drop import DROP as DROP
from vega_eval.failure_types.estop import ESTOP as ESTOP
from vega_eval.failure_types.failure_type import FAILURE_TYPES as FAILURE_TYPES
from vega_eval.failure_types.failure_type import Evidence as Evidence
from vega_eval.failure_types.failure_type import FailureType as FailureType
from vega_eval.failure_types.failure_type import Rules as Rules
from vega_eval.failure_types.failure_type import Signals as Signals
from vega_eval.failure_types.failure_type import in_order as in_order
from vega_eval.failure_types.failure_type import register as register
from vega_eval.failure_types.localisation import LOCALISATION as LOCALISATION
from vega_eval.failure_types.placement import PLACEMENT as PLACEMENT
from vega_eval.failure_types.timeout import TIMEOUT as TIMEOUT
from vega_eval.failure_types.workspace import WORKSPACE as WORKSPACE
