"""Checkpoints: written whole, read as data, found again."""

from core.checkpoint.files import write_text as write_text
from core.checkpoint.fit import Misfit as Misfit
from core.checkpoint.fit import MisfitError as MisfitError
from core.checkpoint.fit import load_state_dict as load_state_dict
from core.checkpoint.format import FORMAT as FORMAT
from core.checkpoint.latest import find_latest as find_latest
from core.checkpoint.listing import forget_checkpoint as forget_checkpoint
from core.checkpoint.listing import record_checkpoint as record_checkpoint
from core.checkpoint.listing import remove_checkpoint as remove_checkpoint
from core.checkpoint.payload import check_file_client as check_file_client
from core.checkpoint.payload import check_savable as check_savable
from core.checkpoint.payload import make_payload as make_payload
from core.checkpoint.payload import save_checkpoint as save_checkpoint
from core.checkpoint.read import read_checkpoint as read_checkpoint
from core.checkpoint.read import trusting as trusting
from core.checkpoint.weights import get_state_dict as get_state_dict
from core.checkpoint.weights import load_checkpoint as load_checkpoint
from core.checkpoint.weights import weights_to_cpu as weights_to_cpu
from core.checkpoint.write import link_latest as link_latest
from core.checkpoint.write import write_checkpoint as write_checkpoint
from core.checkpoint.writer import BackgroundWriter as BackgroundWriter
from core.checkpoint.writer import Writer as Writer

__all__ = [
    "FORMAT",
    "BackgroundWriter",
    "Misfit",
    "MisfitError",
    "Writer",
    "check_file_client",
    "check_savable",
    "find_latest",
    "forget_checkpoint",
    "get_state_dict",
    "link_latest",
    "load_checkpoint",
    "load_state_dict",
    "make_payload",
    "read_checkpoint",
    "record_checkpoint",
    "remove_checkpoint",
    "save_checkpoint",
    "trusting",
    "weights_to_cpu",
    "write_checkpoint",
    "write_text",
]
