#!/usr/bin/env python
import os
import sys

from django.core.management import execute_from_command_line

from mmplatform.desk import join_running_desk

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mmplatform.settings")
    join_running_desk()  # so that a command typed beside ./mm up finds its database
    execute_from_command_line(sys.argv)
