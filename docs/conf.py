"""How the site is built: `make docs`. Nothing that it shows comes from a network."""

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE / "extensions"), str(HERE.parent)]

project, author = "jaxcifar", "the jaxcifar authors"
extensions = [
    "sphinx.ext.autodoc", "myst_nb", "command_help", "docstrings", "mathml",
]  # fmt: skip
exclude_patterns = ["results/records", "extensions"]

highlight_language = "none"  # of blocks that name no language: commands, trees of files

html_theme = "furo"
html_title = "jaxcifar"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_copy_source = html_show_sourcelink = html_show_copyright = False
html_math_renderer = "mathml"

myst_enable_extensions = ["dollarmath", "colon_fence"]
myst_heading_anchors = 3
nb_execution_mode = "off"  # the notebook keeps what it gave; the tests run it

default_role = "py:obj"  # what docstrings put in backquotes is a link where it has a page
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 88
